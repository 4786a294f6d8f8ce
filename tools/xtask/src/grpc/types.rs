//! The messages and enums that calls take and give.

use std::collections::BTreeMap;

use prost_reflect::{
    Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, ServiceDescriptor,
};

use super::reasons::Reasons;
use super::{link, short};
use crate::comments::comment;

/// Every type of ours that a call leads to, by full name.
#[derive(Debug, Default)]
pub(crate) struct Types {
    messages: BTreeMap<String, MessageDescriptor>,
    enums: BTreeMap<String, EnumDescriptor>,
}

impl Types {
    /// Adds what the calls of a service take and give.
    pub(crate) fn add_all(&mut self, service: &ServiceDescriptor) {
        for call in service.methods() {
            self.add(&call.input());
            self.add(&call.output());
        }
    }

    fn add(&mut self, message: &MessageDescriptor) {
        if is_foreign(message.full_name()) || self.messages.contains_key(message.full_name()) {
            return;
        }
        self.messages.insert(message.full_name().to_owned(), message.clone());
        for field in message.fields() {
            match field.kind() {
                Kind::Message(inner) => self.add(&inner),
                Kind::Enum(inner) => {
                    self.enums.insert(inner.full_name().to_owned(), inner);
                }
                _ => {}
            }
        }
    }

    /// Writes a section for each.
    pub(crate) fn write(&self, reasons: &Reasons, page: &mut String) {
        page.push_str("\n## Messages\n");
        for message in self.messages.values() {
            write_message(message, reasons, page);
        }
        page.push_str("\n## Enums\n");
        for known in self.enums.values() {
            write_enum(known, reasons, page);
        }
    }
}

fn is_foreign(full_name: &str) -> bool {
    !full_name.starts_with("bowline.")
}

fn write_message(message: &MessageDescriptor, reasons: &Reasons, page: &mut String) {
    let (name, file) = (short(message.full_name()), message.parent_file());
    let text = reasons.linked(&comment(&file, message.path()));
    page.extend([format!("\n### {name}\n\n{text}\n")]);
    if message.fields().len() > 0 {
        page.push_str("\n| field | number | type | presence | meaning |\n|---|---|---|---|---|\n");
    }
    for field in message.fields() {
        let meaning = reasons.linked(&comment(&file, field.path()));
        let (name, number) = (field.name(), field.number());
        let (of_type, presence) = (type_of(&field.kind()), presence(&field));
        page.extend([format!("| `{name}` | {number} | {of_type} | {presence} | {meaning} |\n")]);
    }
}

fn write_enum(known: &EnumDescriptor, reasons: &Reasons, page: &mut String) {
    let (name, file) = (short(known.full_name()), known.parent_file());
    let text = reasons.linked(&comment(&file, known.path()));
    page.extend([format!("\n### {name}\n\n{text}\n\n| value | number | meaning |\n|---|---|---|\n")]);
    for value in known.values() {
        let meaning = reasons.linked(&comment(&file, value.path()));
        page.extend([format!("| `{}` | {} | {meaning} |\n", value.name(), value.number())]);
    }
}

fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => link(message.full_name()),
        Kind::Enum(known) => link(known.full_name()),
        scalar => format!("`{scalar:?}`").to_lowercase(),
    }
}

fn presence(field: &FieldDescriptor) -> String {
    if field.cardinality() == Cardinality::Repeated {
        return "list".to_owned();
    }
    // Protobuf keeps an `optional` field as a group of its own, which is not one of several.
    let group = field.containing_oneof().filter(|group| group.fields().len() > 1);
    match group {
        Some(group) => format!("one of {}", group.name()),
        None if field.supports_presence() => "optional".to_owned(),
        None => "always".to_owned(),
    }
}
