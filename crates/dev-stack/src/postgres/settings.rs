//! The settings of the local PostgreSQL: durable, and sized for a small machine under order load.

use std::path::Path;

/// The longest socket path that systems take (`sun_path`, the shortest is macOS with 104 bytes), end mark included.
const SOCKET_PATH_MAX: usize = 103;

/// Command-line arguments of the server.
pub(crate) fn arguments(data: &Path, sockets: Option<&Path>, port: u16, connections_max: u32) -> Vec<String> {
    let mut args = vec!["-D".to_owned(), data.display().to_string()];
    let mut set = |name: &str, value: &str| args.extend(["-c".to_owned(), format!("{name}={value}")]);
    set("listen_addresses", "127.0.0.1");
    set("port", &port.to_string());
    set("unix_socket_directories", &sockets.map(|path| path.display().to_string()).unwrap_or_default());
    set("max_connections", &connections_max.to_string());
    // An acknowledged order must survive a power cut: these stay on, and the services check it.
    set("fsync", "on");
    set("synchronous_commit", "on");
    set("full_page_writes", "on");
    set("shared_buffers", "256MB");
    set("wal_buffers", "16MB");
    // Rare checkpoints: after each one the first change of a page writes the whole page to the log.
    set("checkpoint_timeout", "15min");
    set("checkpoint_completion_target", "0.9");
    set("min_wal_size", "512MB");
    set("max_wal_size", "4GB");
    set("track_commit_timestamp", "off");
    // Small hot tables (lane heads, watermarks) gather dead rows quickly.
    set("autovacuum_naptime", "10s");
    // A login that its client has given up on holds up whoever drops its database.
    set("authentication_timeout", "5s");
    set("random_page_cost", "1.1");
    set("jit", "off");
    set("log_min_messages", "warning");
    set("log_checkpoints", "off");
    set("log_line_prefix", "%m [%p] %q%u@%d ");
    args
}

/// The folder for the unix socket, if a socket in it has a path that is short enough.
pub(crate) fn socket_folder(folder: &Path) -> Option<&Path> {
    let longest = folder.join(".s.PGSQL.65535.lock");
    // A comma or a quote would need quoting in the server's list of folders.
    let plain = !longest.display().to_string().contains([',', '"', '\'']);
    (plain && longest.as_os_str().len() < SOCKET_PATH_MAX).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_is_never_traded() {
        let args = arguments(Path::new("/d"), None, 1, 200);
        for needed in
            ["fsync=on", "synchronous_commit=on", "full_page_writes=on", "listen_addresses=127.0.0.1"]
        {
            assert!(args.iter().any(|arg| arg == needed), "{needed} is missing");
        }
    }

    #[test]
    fn a_deep_folder_goes_without_a_socket() {
        assert!(socket_folder(Path::new("/var/lib/bowline/postgres")).is_some());
        assert!(socket_folder(Path::new(&format!("/{}", "deep/".repeat(30)))).is_none());
    }
}
