//! How the books are read: ids in pages, and all that is said of some of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use bowline_kernel::stored::Stored;
use bowline_orders_domain as orders_domain;
use bowline_payment_domain as payment_domain;
use bowline_payment_simulator::{BooksPage, Charges};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use url::Url;
use uuid::Uuid;

use super::ReconcileOptions;
use super::sight::{OrderSight, PaymentSight, ReservationSight, Sight};
use crate::access::{Access, Database, Databases};
use crate::payments::Payment;
use crate::provider;
use crate::{Error, orders};

/// Whose list of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Orders,
    Reservations,
    Payments,
}

/// Of whom the provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Of whom payment has a history: the others cost no question.
    Payments,
    /// Of everybody.
    All,
}

/// Everything that is compared.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) databases: Databases,
    provider: Url,
    client: reqwest::Client,
    grace_secs: f64,
    page: i64,
    questions_max: usize,
}

/// A stream with its events decoded.
struct Stream<E> {
    version: i32,
    events: Result<Vec<E>, String>,
    settled: bool,
}

impl Books {
    pub(super) fn open(access: &Access, options: &ReconcileOptions) -> Result<Self, Error> {
        Ok(Self {
            databases: access.databases.connect()?,
            provider: access.provider.clone(),
            client: reqwest::Client::new(),
            grace_secs: options.grace.as_secs_f64(),
            page: options.page.into(),
            questions_max: options.provider_questions_max,
        })
    }

    fn database(&self, listed: Listed) -> &Database {
        match listed {
            Listed::Orders => &self.databases.orders,
            Listed::Reservations => &self.databases.inventory,
            Listed::Payments => &self.databases.payment,
        }
    }

    /// The next ids behind `after`, ascending.
    pub(super) async fn page(&self, listed: Listed, after: Uuid) -> Result<Vec<Uuid>, Error> {
        let sql = match listed {
            Listed::Reservations => {
                "SELECT order_id FROM inventory.reservations WHERE order_id > $1 ORDER BY order_id LIMIT $2"
            }
            Listed::Orders | Listed::Payments => {
                "SELECT stream_id FROM event_store.events WHERE stream_id > $1 AND version = 1
                  ORDER BY stream_id LIMIT $2"
            }
        };
        let database = self.database(listed);
        let ids = sqlx::query_scalar(sql).bind(after).bind(self.page).fetch_all(&database.pool).await;
        ids.map_err(|source| database.failed(source))
    }

    /// Those of `ids` that a service with streams does not know.
    pub(super) async fn unknown(&self, listed: Listed, mut ids: Vec<Uuid>) -> Result<Vec<Uuid>, Error> {
        let database = self.database(listed);
        let known: Vec<Uuid> = sqlx::query_scalar(
            "SELECT stream_id FROM event_store.events WHERE stream_id = ANY($1) AND version = 1",
        )
        .bind(&ids)
        .fetch_all(&database.pool)
        .await
        .map_err(|source| database.failed(source))?;
        let known: HashSet<Uuid> = known.into_iter().collect();
        ids.retain(|id| !known.contains(id));
        Ok(ids)
    }

    /// What everybody says of each. Orders is asked first, so that what an order's end rests on is there for the others.
    pub(super) async fn see(
        &self,
        references: &[String],
        ask: Ask,
    ) -> Result<BTreeMap<String, Sight>, Error> {
        let ids: Vec<Uuid> = references.iter().filter_map(|text| Uuid::try_parse(text).ok()).collect();
        let mut sights: BTreeMap<String, Sight> =
            references.iter().map(|reference| (reference.clone(), Sight::default())).collect();
        let mut of = |id: Uuid, note: &mut dyn FnMut(&mut Sight)| {
            if let Some(sight) = sights.get_mut(&id.to_string()) {
                note(sight);
            }
        };
        let orders = self.streams::<orders_domain::Event>(&self.databases.orders, &ids).await?;
        for (id, stream) in orders {
            let (version, settled) = (stream.version, stream.settled);
            let order = stream.events.and_then(|events| {
                orders::fold(&events).ok_or_else(|| "its history does not begin with an order".to_owned())
            });
            of(id, &mut |sight| sight.order = Some(OrderSight { version, order: order.clone(), settled }));
        }
        for (id, reservation) in self.reservations(&ids).await? {
            of(id, &mut |sight| sight.reservation = Some(reservation.clone()));
        }
        let payments = self.streams::<payment_domain::Event>(&self.databases.payment, &ids).await?;
        for (id, stream) in payments {
            let charge = stream.events.as_ref().ok().and_then(|events| own_charge(events));
            let seen = PaymentSight {
                version: stream.version,
                payment: stream.events.map(|events| Payment::fold(&events)),
                charge,
            };
            of(id, &mut |sight| sight.payment = Some(seen.clone()));
        }
        self.ask_provider(&mut sights, ask).await?;
        Ok(sights)
    }

    async fn streams<E: Stored>(
        &self,
        database: &Database,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Stream<E>>, Error> {
        let mut rows = sqlx::query_as::<_, (Uuid, i32, String, i16, Vec<u8>, bool)>(
            "SELECT stream_id, version, type, schema_version, payload,
                    recorded_at < clock_timestamp() - make_interval(secs => $2)
               FROM event_store.events WHERE stream_id = ANY($1) ORDER BY stream_id, version",
        )
        .bind(ids)
        .bind(self.grace_secs)
        .fetch(&database.pool);
        let mut streams = HashMap::new();
        while let Some((id, version, kind, schema_version, payload, settled)) =
            rows.try_next().await.map_err(|source| database.failed(source))?
        {
            let stream =
                streams.entry(id).or_insert(Stream { version: 0, events: Ok(Vec::new()), settled: true });
            let decoded = E::decode(&kind, schema_version.cast_unsigned(), &payload);
            let follows = version == stream.version + 1;
            stream.events = std::mem::replace(&mut stream.events, Ok(Vec::new())).and_then(|mut events| {
                if !follows {
                    return Err(format!("version {} is followed by {version}", stream.version));
                }
                events.push(decoded.map_err(|error| format!("version {version}: {error}"))?);
                Ok(events)
            });
            stream.version = version;
            stream.settled &= settled;
        }
        Ok(streams)
    }

    async fn reservations(&self, ids: &[Uuid]) -> Result<Vec<(Uuid, ReservationSight)>, Error> {
        let database = &self.databases.inventory;
        let rows = sqlx::query_as::<_, (Uuid, String, DateTime<Utc>, Vec<u8>)>(
            "SELECT order_id, state, recorded_at, reservation FROM inventory.reservations WHERE order_id = ANY($1)",
        )
        .bind(ids)
        .fetch_all(&database.pool)
        .await
        .map_err(|source| database.failed(source))?;
        let sights = rows.into_iter().map(|(id, state, recorded_at, stored)| {
            let stored = serde_json::from_slice(&stored).map_err(|error| error.to_string());
            (id, ReservationSight { state, recorded_at, stored })
        });
        Ok(sights.collect())
    }

    async fn ask_provider(&self, sights: &mut BTreeMap<String, Sight>, ask: Ask) -> Result<(), Error> {
        let asked = sights.iter_mut().filter(|(_, sight)| ask == Ask::All || sight.payment.is_some());
        let answers = asked.map(async |(reference, sight)| {
            sight.charges = self.charges_of(reference).await?.charges;
            Ok(())
        });
        futures::stream::iter(answers).buffer_unordered(self.questions_max).try_collect().await
    }

    async fn charges_of(&self, reference: &str) -> Result<Charges, Error> {
        let mut address = self.provider.clone();
        address.set_path("/v1/charges");
        address.query_pairs_mut().clear().append_pair("merchant_reference", reference);
        let answered = async { self.client.get(address).send().await?.error_for_status()?.json().await };
        answered.await.map_err(|source| self.provider_failed(source))
    }

    /// A page of the provider's books.
    pub(super) async fn charges(&self, after: Option<&str>) -> Result<BooksPage, Error> {
        provider::page(&self.client, &self.provider, after)
            .await
            .map_err(|source| self.provider_failed(source))
    }

    fn provider_failed(&self, source: reqwest::Error) -> Error {
        Error::Provider { address: self.provider.to_string(), source }
    }

    /// The services in which messages of the order are parked.
    pub(super) async fn parked(&self, reference: &str) -> Result<Vec<&'static str>, Error> {
        let Ok(order) = Uuid::try_parse(reference) else { return Ok(Vec::new()) };
        let mut parked = Vec::new();
        for database in self.databases.all() {
            let is_parked = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM messaging.parked_keys WHERE consumer = $1 AND key = $2)",
            )
            .bind(database.service)
            .bind(order)
            .fetch_one(&database.pool)
            .await
            .map_err(|source| database.failed(source))?;
            if is_parked {
                parked.push(database.service);
            }
        }
        Ok(parked)
    }
}

/// What the provider calls the charge that a payment has made.
fn own_charge(events: &[payment_domain::Event]) -> Option<String> {
    events.iter().rev().find_map(|event| match event {
        payment_domain::Event::PaymentAuthorized(authorized) => {
            Some(authorized.provider_reference.as_str().to_owned())
        }
        _ => None,
    })
}
