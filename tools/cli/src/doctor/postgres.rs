//! Whether orders can be trusted to the databases.

use bowline_dev_stack::StackDescription;
use bowline_dev_stack::postgres::{ServerSurvey, survey};

use super::args::DoctorArgs;
use super::finding::{Finding, Status};
use crate::running;

const AREA: &str = "PostgreSQL";
/// Off, they forget acknowledged orders when the power fails.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];
/// Values of `synchronous_commit` that do not wait for a synchronous standby's disk.
const WEAK: [&str; 2] = ["local", "remote_write"];

/// Looks at the server that was given, and at the databases of the stack that runs.
pub(super) async fn examine(args: &DoctorArgs, stack: Option<&StackDescription>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(url) = &args.stack.postgres_url {
        match survey(url, "--postgres-url").await {
            Ok(server) => findings.extend(judge_given(&server, args.replicas)),
            Err(error) => findings.push(Finding::of(AREA, "server").broken(&error)),
        }
    }
    let Some(stack) = stack else { return findings };
    // As the services see them: a setting may differ by database and role.
    let asked = stack.databases.iter().map(async |(service, urls)| {
        match survey(&urls.runtime, "a database URL").await {
            Ok(server) => of_database(&server, service),
            Err(error) => Finding::of(AREA, service.as_str()).broken(&error),
        }
    });
    findings.extend(futures::future::join_all(asked).await);
    findings
}

fn judge_given(server: &ServerSurvey, replicas: u8) -> Vec<Finding> {
    let (address, version) = (&server.address, &server.version);
    let min = ServerSurvey::MAJOR_MIN;
    let subject = Finding::of(AREA, "server");
    let mut findings = vec![if server.major < min {
        subject.fail(format!("{version} at {address}"), format!("the services need {min} or newer"))
    } else {
        subject.ok(format!("{version} at {address}"))
    }];
    findings.push(durability(server, "durability"));
    let subject = Finding::of(AREA, "role");
    findings.push(if server.may_create {
        subject.ok("may create roles and databases".to_owned())
    } else {
        subject.fail(
            "may not create roles and databases".to_owned(),
            "grant it (ALTER ROLE … CREATEROLE CREATEDB), or give another in --postgres-url",
        )
    });
    let needed = running::connections(replicas);
    let max: u32 = setting(server, "max_connections").parse().unwrap_or_default();
    let subject = Finding::of(AREA, "connections");
    findings.push(if max < needed {
        subject.warn(
            format!("at most {max}, a stack may take {needed}"),
            format!("set max_connections to {needed}"),
        )
    } else {
        subject.ok(format!("{max}"))
    });
    findings
}

fn of_database(server: &ServerSurvey, service: &str) -> Finding {
    let finding = durability(server, service);
    match finding.status {
        Status::Ok => {
            Finding { says: format!("{} at {}; {}", server.version, server.address, finding.says), ..finding }
        }
        Status::Warn | Status::Fail => finding,
    }
}

/// Whether what is committed is on the disk.
fn durability(server: &ServerSurvey, check: &str) -> Finding {
    let subject = Finding::of(AREA, check);
    if let Some(off) = DURABLE.iter().find(|name| setting(server, name) == "off") {
        let says = format!("{off} is off: acknowledged orders may be lost when the power fails");
        return subject.fail(says, format!("set {off} to on"));
    }
    let commit = setting(server, "synchronous_commit");
    if WEAK.contains(&commit) {
        let says = format!("synchronous_commit is {commit}: acknowledged orders may be lost in a failover");
        return subject.warn(says, "set synchronous_commit to on");
    }
    subject.ok(format!("fsync={}, synchronous_commit={commit}", setting(server, "fsync")))
}

fn setting<'s>(server: &'s ServerSurvey, name: &str) -> &'s str {
    server.settings.get(name).map_or("unknown", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(settings: [(&str, &str); 4]) -> ServerSurvey {
        ServerSurvey {
            address: "db:5432".into(),
            version: "16.4".into(),
            major: 16,
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            may_create: true,
        }
    }

    const GOOD: [(&str, &str); 4] = [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("max_connections", "200"),
    ];

    #[test]
    fn a_server_that_may_lose_orders_fails() {
        let statuses = |server: &ServerSurvey| {
            judge_given(server, 1).iter().map(|found| found.status).collect::<Vec<_>>()
        };
        assert_eq!(statuses(&server(GOOD)), [Status::Ok; 4]);
        for (name, value, status) in [
            ("fsync", "off", Status::Fail),
            ("synchronous_commit", "local", Status::Warn),
            ("synchronous_commit", "off", Status::Fail),
        ] {
            let mut weak = server(GOOD);
            weak.settings.insert(name.to_owned(), value.to_owned());
            assert_eq!(statuses(&weak)[1], status, "{name}={value}");
            assert!(of_database(&weak, "orders").says.contains(&format!("{name} is {value}")));
        }
        let old = ServerSurvey { major: 14, may_create: false, ..server(GOOD) };
        assert_eq!(statuses(&old), [Status::Fail, Status::Ok, Status::Fail, Status::Ok]);
        assert_eq!(judge_given(&server(GOOD), 8)[3].status, Status::Warn);
    }
}
