//! The payment provider's own books: they say of every order what payment says.

use std::collections::HashMap;

use bowline_payment_simulator::{BooksPage, Charge};
use url::Url;
use uuid::Uuid;

use crate::payments::{Payment, Side};
use crate::{Error, Invariant};

/// The most entries that the provider hands out at once.
const PAGE_ENTRIES: usize = 1_000;

/// What the provider has under one merchant reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Charges of which something was ever held.
    pub(crate) charges: u32,
    held: Side,
    settled: Side,
    released: Side,
    pub(crate) outstanding: Side,
}

/// Of every order that payment or the provider knows: at most one charge, nothing outstanding, and the amounts of both
/// books are the same.
pub(crate) async fn check(provider: &Url, payments: &HashMap<Uuid, Payment>) -> Result<Invariant, Error> {
    let failed = |source| Error::Provider { address: provider.to_string(), source };
    let mut invariant = Invariant::new("the provider's own books agree with payment's");
    let mut accounts: HashMap<String, Account> = HashMap::new();
    let client = reqwest::Client::new();
    let mut after = None;
    loop {
        let page = page(&client, provider, after.as_deref()).await.map_err(failed)?;
        for entry in &page.entries {
            accounts.entry(entry.charge.merchant_reference.clone()).or_default().add(&entry.charge);
        }
        let Some(next) = page.next_after else { break };
        after = Some(next.to_string());
    }
    for (id, payment) in payments {
        let account = accounts.remove(&id.to_string()).unwrap_or_default();
        invariant.check(fault(payment, &account).map(|fault| format!("order {id}: {fault}")));
    }
    for (reference, account) in accounts {
        let fault = fault(&Payment::default(), &account);
        invariant.check(fault.map(|fault| format!("order {reference}: payment does not know it; {fault}")));
    }
    Ok(invariant)
}

/// A page of the books.
pub(crate) async fn page(
    client: &reqwest::Client,
    provider: &Url,
    after: Option<&str>,
) -> reqwest::Result<BooksPage> {
    let mut address = provider.clone();
    address.set_path("/v1/books");
    address.query_pairs_mut().clear().append_pair("limit", &PAGE_ENTRIES.to_string());
    if let Some(after) = after {
        address.query_pairs_mut().append_pair("after", after);
    }
    client.get(address).send().await?.error_for_status()?.json().await
}

impl Account {
    /// Takes one more charge into account.
    pub(crate) fn add(&mut self, charge: &Charge) {
        let sides = [
            (&mut self.held, charge.held),
            (&mut self.settled, charge.settled),
            (&mut self.released, charge.released),
            (&mut self.outstanding, charge.outstanding),
        ];
        self.charges += u32::from(charge.held.minor() > 0);
        for (side, amount) in sides {
            let minor =
                i64::try_from(amount.minor()).expect("an amount of the provider has at most 15 digits");
            side.minor = side.minor.saturating_add(minor);
            if minor != 0 {
                side.currency = Some(amount.iso());
            }
        }
    }
}

/// How what payment says differs from what the provider says.
pub(crate) fn fault(payment: &Payment, account: &Account) -> Option<String> {
    if account.charges > 1 {
        return Some(format!("{} charges instead of one", account.charges));
    }
    if account.outstanding.minor != 0 {
        return Some(format!("the provider still holds {}", account.outstanding));
    }
    let pairs = [
        ("authorised", payment.authorized, "held", account.held),
        ("captured", payment.captured, "settled", account.settled),
        ("voided", payment.voided, "released", account.released),
    ];
    pairs.into_iter().find(|(_, ours, _, theirs)| ours != theirs).map(
        |(ours, our_side, theirs, their_side)| {
            format!("payment has {ours} {our_side}, the provider has {theirs} {their_side}")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(minor: i64) -> Side {
        Side { minor, currency: (minor != 0).then_some("GBP") }
    }

    fn captured(minor: i64) -> Payment {
        Payment { authorized: side(minor), captured: side(minor), voided: side(0), open: false }
    }

    fn settled(minor: i64) -> Account {
        Account { charges: 1, held: side(minor), settled: side(minor), ..Account::default() }
    }

    #[test]
    fn books_that_agree_have_no_fault() {
        assert_eq!(fault(&captured(100), &settled(100)), None);
        assert_eq!(fault(&Payment::default(), &Account::default()), None);
    }

    #[test]
    fn a_second_charge_an_open_hold_and_another_amount_are_faults() {
        let twice = Account { charges: 2, ..settled(100) };
        let open = Account { outstanding: side(100), ..settled(100) };
        let unknown = Account::default();
        for (payment, account, said) in [
            (captured(100), twice, "2 charges"),
            (captured(100), open, "still holds 1.00 GBP"),
            (captured(100), settled(99), "held 0.99 GBP"),
            (captured(100), unknown, "held 0"),
            (Payment::default(), settled(100), "authorised 0"),
        ] {
            let fault = fault(&payment, &account).expect("they differ");
            assert!(fault.contains(said), "{fault}");
        }
    }
}
