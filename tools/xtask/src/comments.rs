//! What the protobuf files say about what they declare.

use prost_reflect::FileDescriptor;

/// The comment in front of what lies at `path` in a file, on one line.
pub(crate) fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let locations = file.file_descriptor_proto().source_code_info.iter().flat_map(|info| &info.location);
    let here = locations.filter(|location| location.path == path);
    let text: String = here.filter_map(|location| location.leading_comments.as_deref()).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
