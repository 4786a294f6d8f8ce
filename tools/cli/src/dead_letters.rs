//! `bowline dead-letters`: what services could not apply, and what an operator does about it.

mod args;
mod show;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bowline_contracts::common::v1;
use bowline_contracts::common::v1::dead_letter_selection;
use bowline_contracts::common::v1::dead_letter_service_client::DeadLetterServiceClient;
use bowline_contracts::payloads;
use tokio::time::Instant;
use tonic::transport::Channel;

pub(crate) use self::args::DeadLettersArgs;
use self::args::{Action, Chosen, EditArgs, Letter};
use crate::output::Output;
use crate::screen::{self, say};
use crate::services::{OperatorArgs, Service, check_known};
use crate::stop::Stop;

type Client = DeadLetterServiceClient<Channel>;

const PAGE: i32 = 1_000;
/// How often it is asked whether everything has been tried again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The services that were asked about, by name.
type Services = BTreeMap<String, Service>;

pub(crate) async fn run(args: &DeadLettersArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let (services, output) = (services(args)?, args.call.output.output);
    let work = async {
        match &args.action {
            Action::List(list) if list.chosen.is_some() || list.messages => {
                let found = found(&services, list.chosen.as_ref()).await?;
                output.document(&show::letters(&found), &show::DeadLetters::of(&found))?;
            }
            Action::List(_) => {
                let causes = causes(&services).await?;
                output.document(&show::causes(&causes), &show::Causes::of(&causes))?;
            }
            Action::Show { letter } => {
                let found = get(&services, letter).await?;
                output.document(&show::whole(letter, &found)?, &show::Whole::of(letter, &found))?;
            }
            Action::Edit(edit) => self::edit(&services, edit).await?,
            Action::Retry { which, wait, operator } => {
                let (chosen, services) = which.of(&services)?;
                return retry(&services, &chosen, *wait, operator, output).await;
            }
            Action::Drop { which, operator } => {
                let (chosen, services) = which.of(&services)?;
                drop_letters(&services, &chosen, operator).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    };
    stop.or(work).await
}

fn services(args: &DeadLettersArgs) -> anyhow::Result<Services> {
    let mut services = args.call.services.all()?;
    if let Some(service) = &args.service {
        check_known(&services, service)?;
        services.retain(|name, _| name == service);
    }
    Ok(services)
}

fn client(service: &Service) -> Client {
    DeadLetterServiceClient::new(service.channel.clone()).max_decoding_message_size(64 << 20)
}

/// The service of a message.
fn of<'a>(services: &'a Services, letter: &Letter) -> anyhow::Result<&'a Service> {
    services.get(&letter.service).with_context(|| {
        let known: Vec<&str> = services.keys().map(String::as_str).collect();
        format!("{letter} is of no known service: known are {}", known.join(", "))
    })
}

async fn causes(services: &Services) -> anyhow::Result<Vec<(String, v1::DeadLetterCause)>> {
    let mut all = Vec::new();
    for (name, service) in services {
        let answer = client(service).list_dead_letter_causes(v1::ListDeadLetterCausesRequest {}).await;
        let answer = answer.map_err(|status| service.refused(&status))?.into_inner();
        all.extend(answer.causes.into_iter().map(|cause| (name.clone(), cause)));
    }
    Ok(all)
}

/// Every parked message that was chosen, in order within each service.
async fn found(
    services: &Services,
    chosen: Option<&Chosen>,
) -> anyhow::Result<Vec<(String, v1::DeadLetter)>> {
    let mut all = Vec::new();
    for (name, service) in services {
        let mut page_token = String::new();
        loop {
            let request = v1::ListDeadLettersRequest {
                selection: selection(chosen),
                page_size: PAGE,
                page_token: std::mem::take(&mut page_token),
            };
            let answer = client(service).list_dead_letters(request).await;
            let answer = answer.map_err(|status| service.refused(&status))?.into_inner();
            all.extend(answer.dead_letters.into_iter().map(|letter| (name.clone(), letter)));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    Ok(all)
}

async fn get(services: &Services, letter: &Letter) -> anyhow::Result<v1::GetDeadLetterResponse> {
    let request = v1::GetDeadLetterRequest { letter: letter.number };
    let service = of(services, letter)?;
    let answer = client(service).get_dead_letter(request).await;
    Ok(answer.map_err(|status| service.refused(&status))?.into_inner())
}

async fn edit(services: &Services, args: &EditArgs) -> anyhow::Result<()> {
    let letter = &args.letter;
    let service = of(services, letter)?;
    let found = get(services, letter).await?.dead_letter.unwrap_or_default();
    let mut json = String::new();
    if args.file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut json).context("cannot read standard input")?;
    } else {
        json = std::fs::read_to_string(&args.file)
            .with_context(|| format!("cannot read {}", args.file.display()))?;
    }
    let payload = payloads::from_json(&found.message_type, &json)
        .with_context(|| format!("{} was not changed: {}", letter, args.file.display()))?;
    let request = v1::EditDeadLetterRequest {
        letter: letter.number,
        edit_count: found.edit_count,
        payload: payload.into(),
        operator: args.operator.name.clone(),
        note: args.operator.note.clone(),
    };
    client(service).edit_dead_letter(request).await.map_err(|status| service.refused(&status))?;
    let here = &service.here;
    say(&format!("{letter} is changed; `bowline dead-letters retry {letter}{here}` has it applied"));
    Ok(())
}

/// Has queues tried again and waits until they have been. Fails if some of them still wait.
async fn retry(
    services: &Services,
    chosen: &Chosen,
    wait: Duration,
    operator: &OperatorArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let mut requested = 0;
    let chosen = match chosen {
        Chosen::Letter(letter) => {
            Chosen::Order(get(services, letter).await?.dead_letter.unwrap_or_default().order_id)
        }
        other => other.clone(),
    };
    for service in services.values() {
        let request = v1::RetryDeadLettersRequest {
            selection: selection(Some(&chosen)),
            operator: operator.name.clone(),
            note: operator.note.clone(),
        };
        let answer = client(service).retry_dead_letters(request).await;
        requested += answer.map_err(|status| service.refused(&status))?.into_inner().requested_count;
    }
    let bar = screen::bar(requested.unsigned_abs(), "{wide_bar} {pos}/{len} orders tried again");
    let until = Instant::now() + wait;
    loop {
        let waiting: i64 = causes(services).await?.iter().map(|(_, cause)| cause.retrying_count).sum();
        bar.set_position((requested - waiting).max(0).unsigned_abs());
        if waiting == 0 {
            break;
        }
        if Instant::now() > until {
            bail!("{waiting} orders have not been tried again within {wait:?}: does their service run?");
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    drop(bar);
    let left = found(services, Some(&chosen)).await?;
    let heads = left.iter().filter(|(_, letter)| letter.is_head).count();
    let done = requested - i64::try_from(heads).unwrap_or(i64::MAX);
    say(&format!("{requested} orders tried again, {} applied, {heads} still wait", done.max(0)));
    output.document(&show::letters(&left), &show::DeadLetters::of(&left))?;
    Ok(if heads == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Drops one message, or the first message of every queue that was chosen.
async fn drop_letters(services: &Services, chosen: &Chosen, operator: &OperatorArgs) -> anyhow::Result<()> {
    let mut dropped = 0;
    for (name, service) in services {
        let letters: Vec<i64> = match chosen {
            Chosen::Letter(letter) => vec![letter.number],
            other => {
                let one = Services::from([(name.clone(), service.clone())]);
                let found = found(&one, Some(other)).await?;
                found
                    .into_iter()
                    .filter(|(_, letter)| letter.is_head)
                    .map(|(_, letter)| letter.letter)
                    .collect()
            }
        };
        for letters in letters.chunks(usize::try_from(PAGE).unwrap_or(1)) {
            let request = v1::DropDeadLettersRequest {
                letters: letters.to_vec(),
                operator: operator.name.clone(),
                note: operator.note.clone(),
            };
            let answer = client(service).drop_dead_letters(request).await;
            dropped += answer.map_err(|status| service.refused(&status))?.into_inner().dropped_count;
        }
    }
    say(&format!("{dropped} messages dropped; what waited behind them goes on waiting until it is retried"));
    Ok(())
}

fn selection(chosen: Option<&Chosen>) -> Option<v1::DeadLetterSelection> {
    let selection = match chosen? {
        Chosen::All | Chosen::Letter(_) => return None,
        Chosen::Cause(cause) => dead_letter_selection::Selection::Cause(cause.clone()),
        Chosen::Order(order) => dead_letter_selection::Selection::OrderId(order.clone()),
    };
    Some(v1::DeadLetterSelection { selection: Some(selection) })
}
