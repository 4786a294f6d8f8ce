//! What operators can ask over gRPC, and what they are told when they ask for something that cannot be.

use bowline_contracts::common::v1::dead_letter_service_client::DeadLetterServiceClient;
use bowline_contracts::common::v1::{
    DropDeadLettersRequest, EditDeadLetterRequest, GetDeadLetterRequest, ListDeadLettersRequest,
    RetryDeadLettersRequest,
};
use bowline_contracts::payloads;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use crate::broker::{Speaker, envelope, key_of};
use crate::ledger::POISON;
use crate::serving::{Source, free_address};
use crate::stage::{Service, kafka};

const MONEY: &str = "bowline.common.v1.Money";

fn edit(letter: i64, payload: Vec<u8>) -> EditDeadLetterRequest {
    let (operator, note) = ("ada".to_owned(), String::new());
    EditDeadLetterRequest { letter, edit_count: 0, payload: payload.into(), operator, note }
}

pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, word: &str) {
    let status = answer.expect_err(word);
    assert!(status.code() == code && status.message().contains(word), "{status:?}");
}

#[tokio::test]
async fn what_an_operator_cannot_do_is_said_and_changes_nothing() {
    let kafka = kafka().await;
    let server = Source::start_at(Service::inventory().await, &kafka, free_address().await).await;
    let inventory = &server.service;
    inventory.number_becomes("SELECT count(*) FROM messaging.positions WHERE topic_id IS NOT NULL", 8).await;
    let speaker = Speaker::new(&kafka);
    speaker.send_about(5, &envelope(MONEY, 1), key_of(5, 1), POISON).await;
    inventory.number_becomes("SELECT count(*) FROM messaging.parked_messages", 1).await;
    let channel = Endpoint::from_shared(server.url()).unwrap().connect_lazy();
    let mut client = DeadLetterServiceClient::new(channel);

    let listed = client.list_dead_letters(ListDeadLettersRequest::default()).await.unwrap().into_inner();
    let [letter] = &listed.dead_letters[..] else { panic!("{listed:?}") };
    assert!(letter.is_head && letter.message_type == MONEY && letter.reason == "it is poison", "{letter:?}");
    let letter = letter.letter;

    let unknown = GetDeadLetterRequest { letter: letter + 1 };
    refused(client.get_dead_letter(unknown).await, Code::NotFound, "no parked message has the number");
    let nobody = EditDeadLetterRequest { operator: " ".into(), ..edit(letter, Vec::new()) };
    refused(client.edit_dead_letter(nobody).await, Code::InvalidArgument, "operator");
    let garbage = edit(letter, vec![0x08, 1]);
    refused(client.edit_dead_letter(garbage).await, Code::InvalidArgument, "payload is not a valid bowline");
    let none = DropDeadLettersRequest { letters: Vec::new(), operator: "ada".into(), note: String::new() };
    refused(client.drop_dead_letters(none).await, Code::InvalidArgument, "letters must be 1 to 1000");
    assert_eq!(inventory.number("SELECT count(*) FROM messaging.parking_actions").await, 0);

    let money = payloads::from_json(MONEY, r#"{"currency_code": "GBP"}"#).unwrap();
    client.edit_dead_letter(edit(letter, money.clone())).await.unwrap();
    refused(client.edit_dead_letter(edit(letter, money.clone())).await, Code::Aborted, "was edited 1 times");
    let found = client.get_dead_letter(GetDeadLetterRequest { letter }).await.unwrap().into_inner();
    assert_eq!(found.payload, money);
    assert_eq!(found.actions[0].payload_before, POISON);

    let retry = RetryDeadLettersRequest { selection: None, operator: "ada".into(), note: String::new() };
    assert_eq!(client.retry_dead_letters(retry).await.unwrap().into_inner().requested_count, 1);
    inventory.number_becomes("SELECT count(*) FROM messaging.parked_keys", 0).await;
    assert_eq!(inventory.applied().await, [(5, vec![1])].into());
    server.stop().await;
}
