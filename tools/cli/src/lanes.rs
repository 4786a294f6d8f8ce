//! `bowline lanes`: how far services have applied what others say, and what an operator does when a source has lost commits.

mod args;
mod show;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use bowline_contracts::common::v1;
use bowline_contracts::common::v1::heard_lane_service_client::HeardLaneServiceClient;
use bowline_contracts::common::v1::lane_service_client::LaneServiceClient;

pub(crate) use self::args::Action;
use self::args::Lane;
use self::show::Shown;
use crate::screen::say;
use crate::services::{Noun, OperatorArgs, Service, check_known};
use crate::stop::Stop;

type Services = BTreeMap<String, Service>;

pub(crate) async fn run(args: &Noun<Action>, stop: &Stop) -> anyhow::Result<ExitCode> {
    let services = args.call.services.all()?;
    let work = async {
        match &args.action {
            Action::Show { of, stopped } => {
                of.iter().try_for_each(|service| check_known(&services, service))?;
                let is_meant = |service: &str| of.is_empty() || of.iter().any(|named| named == service);
                let mut shown = Vec::new();
                for service in services.keys().filter(|service| is_meant(service)) {
                    shown.extend(heard(&services, service).await?);
                }
                if *stopped {
                    shown.retain(|shown| shown.heard.state() != v1::HeardLaneState::Flowing);
                }
                tell_heads(&services, &mut shown).await;
                let output = args.call.output.output;
                output.document(&show::lanes(&shown, *stopped), &show::Lanes::of(&shown))?;
            }
            Action::Accept { lanes, operator } => {
                // All of them are known before the first one is accepted.
                let mut seen = Vec::new();
                for lane in lanes {
                    seen.push((lane, find(&services, lane).await?));
                }
                for (lane, heard) in seen {
                    accept(&services, lane, &heard, operator).await?;
                }
            }
        }
        Ok::<_, anyhow::Error>(ExitCode::SUCCESS)
    };
    stop.or(work).await
}

/// The lanes that a service hears.
async fn heard(services: &Services, name: &str) -> anyhow::Result<Vec<Shown>> {
    check_known(services, name)?;
    let service = &services[name];
    let mut client = HeardLaneServiceClient::new(service.channel.clone());
    let answer = client.list_heard_lanes(v1::ListHeardLanesRequest {}).await;
    let lanes = answer.map_err(|status| service.refused(&status))?.into_inner().lanes;
    let shown = lanes.into_iter().map(|heard| {
        let (topic, source) = (heard.topic.clone(), heard.source.clone());
        let lane = Lane { service: name.to_owned(), topic, partition: heard.partition, source };
        Shown { lane, heard, head: None }
    });
    Ok(shown.collect())
}

/// Asks the sources how far they are. One that does not answer, or whose address is not known, leaves its lanes without.
async fn tell_heads(services: &Services, shown: &mut [Shown]) {
    let mut asked: BTreeMap<(String, String), BTreeMap<u32, i64>> = BTreeMap::new();
    for Shown { lane, .. } in &*shown {
        asked.entry((lane.source.clone(), lane.topic.clone())).or_default().insert(lane.partition, -1);
    }
    for ((source, topic), heads) in &mut asked {
        let Some(service) = services.get(source) else { continue };
        let request = v1::GetHeadsRequest {
            source: source.clone(),
            topic: topic.clone(),
            partitions: heads.keys().copied().collect(),
        };
        match LaneServiceClient::new(service.channel.clone()).get_heads(request).await {
            Ok(answer) => {
                let told = answer.into_inner().heads;
                heads.extend(told.into_iter().map(|head| (head.partition, head.last_sequence)));
            }
            Err(status) => say(&format!("the heads of {topic} are not known: {}", service.refused(&status))),
        }
    }
    for Shown { lane, head, .. } in shown {
        let heads = asked.get(&(lane.source.clone(), lane.topic.clone()));
        *head = heads.and_then(|heads| heads.get(&lane.partition)).copied().filter(|head| *head >= 0);
    }
}

async fn find(services: &Services, lane: &Lane) -> anyhow::Result<v1::HeardLane> {
    let heard = heard(services, &lane.service).await?;
    let Service { name: service, here, .. } = &services[&lane.service];
    let found = heard.into_iter().find(|shown| shown.lane == *lane).map(|shown| shown.heard);
    let found = found.with_context(|| {
        format!(
            "{service} hears no lane {lane}: `bowline lanes show {service}{here}` lists those that it does"
        )
    })?;
    ensure!(
        found.state() == v1::HeardLaneState::Forgotten,
        "{lane} does not wait for this: only a lane whose source has lost what was applied can be accepted, see \
         `bowline lanes show {service}{here}`"
    );
    Ok(found)
}

async fn accept(
    services: &Services,
    lane: &Lane,
    heard: &v1::HeardLane,
    operator: &OperatorArgs,
) -> anyhow::Result<()> {
    let request = v1::AcceptForgottenRequest {
        topic: lane.topic.clone(),
        partition: lane.partition,
        source: lane.source.clone(),
        watermark_sequence: heard.watermark_sequence,
        watermark_incarnation: heard.watermark_incarnation.clone(),
        kept_sequence: heard.kept_sequence,
        kept_incarnation: heard.kept_incarnation.clone(),
        operator: operator.name.clone(),
        note: operator.note.clone(),
    };
    let service = &services[&lane.service];
    let mut client = HeardLaneServiceClient::new(service.channel.clone());
    client.accept_forgotten(request).await.map_err(|status| service.refused(&status))?;
    let (kept, last) = (heard.kept_sequence, heard.watermark_sequence);
    say(&format!("{lane} goes on behind sequence {kept}; what {} to {last} did is left as it is", kept + 1));
    Ok(())
}
