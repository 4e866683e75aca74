//! Downloading the files of a publication that a folder lacks.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use trainmark_reports::files;

use super::error::{Absence, DataError};
use super::event::{DownloadEvent, Heard};
use super::publication::{Address, FileState, Publication, PublishedFile};
use super::transfer::{Transfer, TransferError};

/// Downloads into `dir` whatever it lacks of the publication, each file from
/// the first address that has it. A file in its place with other content is moved aside, into a
/// folder beside it. A file
/// gets its name only once its sum is right; until then it is `NAME.part`,
/// which the next call goes on with.
///
/// # Errors
/// [`Absence::Download`] where all addresses fail for a file,
/// [`Absence::Folder`] where `dir` cannot be written.
pub fn download(
    publication: &Publication,
    addresses: &[Address],
    dir: &Path,
    heard: Heard<'_>,
) -> Result<(), DataError> {
    fs::create_dir_all(dir).map_err(|error| Absence::folder("create", dir, error))?;
    let _lock = lock(dir, heard)?;
    for file in publication.files {
        match file.inspect(dir) {
            FileState::Good => continue,
            FileState::Missing => {}
            _ => move_aside(&file.path_in(dir))?,
        }
        download_file(file, addresses, dir, heard)?;
    }
    Ok(())
}

/// Gives a file that is in the way another name, under which it is not looked for.
fn move_aside(path: &Path) -> Result<(), Absence> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{name}.aside-");
    let dir = path.parent().unwrap_or(path);
    let renamed = tempfile::Builder::new()
        .prefix(&prefix)
        .disable_cleanup(true)
        .tempdir_in(dir)
        .and_then(|aside| fs::rename(path, aside.path().join(name.as_ref())));
    renamed.map_err(|error| Absence::folder("move aside", path, error))
}

fn download_file(
    file: &PublishedFile,
    addresses: &[Address],
    dir: &Path,
    heard: Heard<'_>,
) -> Result<(), DataError> {
    let mut attempts = Vec::new();
    for address in addresses {
        let (transfer, start) = (Transfer::new(file, address, dir), Instant::now());
        heard(DownloadEvent::Begun { file, url: &transfer.url });
        let result = transfer.run(heard);
        heard(DownloadEvent::Ended { file, elapsed: result.is_ok().then(|| start.elapsed()) });
        match result {
            Ok(()) => return Ok(()),
            Err(TransferError::Remote(reason)) => attempts.push(format!("{reason} ({})", address.label)),
            Err(TransferError::Local(absence)) => return Err(absence.into()),
        }
    }
    Err(Absence::Download { file: file.name, attempts: attempts.join(", ") }.into())
}

/// Keeps two processes from writing the same `.part`; released when dropped.
fn lock(dir: &Path, heard: Heard<'_>) -> Result<File, Absence> {
    let path = dir.join(".download.lock");
    let file = files::open_own(&path, false).map_err(|error| Absence::folder("create", &path, error))?;
    // Where there are no locks the sums still guard the files: two downloads at once cost time,
    // not correctness, and need no note.
    trainmark_reports::lock(&file, |tries| {
        if tries == 1 {
            heard(DownloadEvent::Waiting(dir));
        }
        true
    });
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures::{self, Published};
    use crate::data::test_server::{Behaviour, Door, TestServer};

    const IMAGES: &str = "train-images-idx3-ubyte.gz";

    struct Case {
        published: Published,
        dir: tempfile::TempDir,
    }

    impl Case {
        fn new() -> Self {
            Self { published: fixtures::published(), dir: tempfile::tempdir().unwrap() }
        }

        fn serve(&self, behaviour: Behaviour) -> TestServer {
            TestServer::start(self.published.named_files(), behaviour)
        }

        fn serve_behind(&self, door: Door) -> TestServer {
            TestServer::start_behind(door, self.published.named_files(), Behaviour::default())
        }

        fn download(&self, servers: &[&TestServer]) -> Result<(), DataError> {
            let addresses: Vec<Address> = ["publisher", "fallback"]
                .iter()
                .zip(servers)
                .map(|(label, server)| Address { label: (*label).into(), base: server.base() })
                .collect();
            download(self.published.publication, &addresses, self.dir.path(), &mut |_| {})
        }

        fn assert_complete(&self) {
            let states = self.published.publication.inspect(self.dir.path());
            assert_eq!(states, vec![FileState::Good; 4]);
            self.assert_no_part();
        }

        fn assert_no_part(&self) {
            let part = self.dir.path().join(format!("{IMAGES}.part"));
            assert!(!part.exists(), "{} was left", part.display());
        }
    }

    #[test]
    fn everything_is_downloaded_once() {
        let case = Case::new();
        let server = case.serve(Behaviour::default());
        case.download(&[&server]).unwrap();
        case.assert_complete();
        assert_eq!(server.requests().len(), 4);
        case.download(&[&server]).unwrap();
        assert_eq!(server.requests().len(), 4, "a complete folder needs no request");
    }

    #[test]
    fn a_cut_connection_is_resumed_where_it_broke() {
        let case = Case::new();
        let server = case.serve(Behaviour { cuts: vec![1000, 5000], ..Behaviour::default() });
        case.download(&[&server]).unwrap();
        case.assert_complete();
        let requests = server.requests();
        let ranges: Vec<_> = requests.iter().filter(|r| r.path.ends_with(IMAGES)).map(|r| r.from).collect();
        assert_eq!(ranges, [None, Some(1000), Some(6000)]);
    }

    #[test]
    fn a_server_that_falls_silent_is_asked_again() {
        let case = Case::new();
        let server = case.serve(Behaviour { stall: true, cuts: vec![1000], ..Behaviour::default() });
        case.download(&[&server]).unwrap();
        case.assert_complete();
        assert_eq!(server.requests()[1].from, Some(1000));
    }

    #[test]
    fn a_part_of_an_earlier_download_is_resumed() {
        let case = Case::new();
        let part = case.dir.path().join(format!("{IMAGES}.part"));
        fs::write(&part, &case.published.files[0][..1234]).unwrap();
        let server = case.serve(Behaviour::default());
        case.download(&[&server]).unwrap();
        case.assert_complete();
        assert_eq!(server.requests()[0].from, Some(1234));
    }

    #[test]
    fn a_complete_part_needs_no_request() {
        let case = Case::new();
        fs::write(case.dir.path().join(format!("{IMAGES}.part")), &case.published.files[0]).unwrap();
        let server = case.serve(Behaviour::default());
        case.download(&[&server]).unwrap();
        case.assert_complete();
        assert!(server.requests().iter().all(|request| !request.path.ends_with(IMAGES)));
    }

    #[test]
    fn a_part_of_another_file_is_started_afresh() {
        for length in [1234, case_length(), case_length() + 7] {
            let case = Case::new();
            fs::write(case.dir.path().join(format!("{IMAGES}.part")), vec![0xAA; length]).unwrap();
            let server = case.serve(Behaviour::default());
            case.download(&[&server]).unwrap();
            case.assert_complete();
        }
    }

    fn case_length() -> usize {
        fixtures::published().files[0].len()
    }

    #[test]
    fn a_server_without_ranges_sends_the_whole_again() {
        let case = Case::new();
        let server = case.serve(Behaviour { ranges: false, cuts: vec![1000], ..Behaviour::default() });
        case.download(&[&server]).unwrap();
        case.assert_complete();
        assert_eq!(server.requests()[1].from, Some(1000), "it was asked for the rest");
    }

    #[test]
    fn a_refused_range_is_started_afresh() {
        let case = Case::new();
        fs::write(case.dir.path().join(format!("{IMAGES}.part")), &case.published.files[0][..99]).unwrap();
        let server = case.serve(Behaviour { refuse_ranges: true, ..Behaviour::default() });
        case.download(&[&server]).unwrap();
        case.assert_complete();
    }

    #[test]
    fn a_file_with_a_wrong_sum_is_not_kept() {
        let case = Case::new();
        let server = case.serve(Behaviour { tamper: true, ..Behaviour::default() });
        let message = case.download(&[&server]).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("cannot download {IMAGES}: sent a file with md5 ")),
            "{message}"
        );
        assert!(!case.dir.path().join(IMAGES).exists());
        case.assert_no_part();
    }

    #[test]
    fn a_page_in_place_of_the_file_is_refused_by_its_length() {
        let case = Case::new();
        let page = TestServer::start(vec![(IMAGES, b"<html>log in</html>".to_vec())], Behaviour::default());
        let message = case.download(&[&page]).unwrap_err().to_string();
        assert!(message.contains("sent 19 bytes instead of "), "{message}");
        case.assert_no_part();
    }

    #[test]
    fn the_fallback_serves_what_the_publisher_lacks() {
        let case = Case::new();
        let publisher = TestServer::start(Vec::new(), Behaviour::default());
        let fallback = case.serve(Behaviour::default());
        case.download(&[&publisher, &fallback]).unwrap();
        case.assert_complete();
        assert_eq!(publisher.requests().len(), 4);
    }

    #[test]
    fn the_fallback_goes_on_where_the_publisher_broke_off() {
        let case = Case::new();
        let publisher = case.serve(Behaviour { cuts: vec![1000, 0], ..Behaviour::default() });
        let fallback = case.serve(Behaviour::default());
        case.download(&[&publisher, &fallback]).unwrap();
        case.assert_complete();
        assert_eq!(fallback.requests()[0].from, Some(1000));
    }

    #[test]
    fn where_all_addresses_fail_each_reason_is_named() {
        let case = Case::new();
        let publisher = TestServer::start(Vec::new(), Behaviour::default());
        let addresses = [
            Address { label: "publisher".into(), base: publisher.base() },
            Address { label: "fallback".into(), base: fixtures::closed_address() },
        ];
        let error =
            download(case.published.publication, &addresses, case.dir.path(), &mut |_| {}).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot download {IMAGES}: http status 404 (publisher), connection refused (fallback); \
                 give its files with --data-dir DIR, or use --dataset synthetic"
            )
        );
    }

    #[test]
    fn a_server_that_always_breaks_off_is_given_up() {
        let case = Case::new();
        let server = case.serve(Behaviour { cuts: vec![0; 50], ..Behaviour::default() });
        let message = case.download(&[&server]).unwrap_err().to_string();
        assert!(message.contains("connection broke after 0 of "), "{message}");
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn a_download_that_the_network_ends_is_not_whole_and_goes_on_next_time() {
        let case = Case::new();
        let lost = case.serve(Behaviour { cuts: vec![1000, 0], ..Behaviour::default() });
        let message = case.download(&[&lost]).unwrap_err().to_string();
        let start =
            format!("cannot download {IMAGES}: connection broke after 1000 of {} bytes", case_length());
        let end = "; they are kept, the next try goes on from there (publisher); give its files with --data-dir \
                   DIR, or use --dataset synthetic";
        assert!(message.starts_with(&start) && message.ends_with(end), "{message}");
        assert_eq!(case.published.publication.inspect(case.dir.path()), vec![FileState::Missing; 4]);
        let whole = case.serve(Behaviour::default());
        case.download(&[&whole]).unwrap();
        case.assert_complete();
        assert_eq!(whole.requests()[0].from, Some(1000));
    }

    #[test]
    fn a_corrupt_file_is_moved_aside() {
        let case = Case::new();
        case.published.write_to(case.dir.path());
        fs::write(case.dir.path().join(IMAGES), b"not it").unwrap();
        let server = case.serve(Behaviour::default());
        case.download(&[&server]).unwrap();
        case.assert_complete();
        assert_eq!(server.requests().len(), 1);
        let entries = fs::read_dir(case.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let aside = entries.filter(|path| path.is_dir()).map(|path| fs::read(path.join(IMAGES)).unwrap());
        assert_eq!(aside.collect::<Vec<_>>(), [b"not it"]);
    }

    #[test]
    fn a_link_in_place_of_a_part_is_not_followed() {
        let case = Case::new();
        let private = tempfile::NamedTempFile::new().unwrap();
        fs::write(private.path(), "private").unwrap();
        let part = case.dir.path().join(format!("{IMAGES}.part"));
        std::os::unix::fs::symlink(private.path(), part).unwrap();
        let server = case.serve(Behaviour::default());
        let message = case.download(&[&server]).unwrap_err().to_string();
        assert!(message.contains(".part: it is a link, which is not followed"), "{message}");
        assert_eq!(fs::read(private.path()).unwrap(), b"private");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let case = Case::new();
        let file = case.dir.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = download(case.published.publication, &[], &file.join("sub"), &mut |_| {}).unwrap_err();
        assert!(error.to_string().starts_with("cannot create "), "{error}");
    }

    #[test]
    fn two_downloads_at_once_share_the_work() {
        let case = Case::new();
        let server = case.serve(Behaviour::default());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| case.download(&[&server]).unwrap());
            }
        });
        case.assert_complete();
        assert_eq!(server.requests().len(), 4);
    }

    /// Names the address for [`what_an_address_gives`].
    const ADDRESS: &str = "TRAINMARK_TEST_ADDRESS";

    /// The own part of a process whose environment decides how an address is reached.
    #[test]
    #[ignore = "others run it, each in an environment of its own"]
    fn what_an_address_gives() {
        let case = Case::new();
        let address = Address { label: "publisher".into(), base: std::env::var(ADDRESS).unwrap() };
        download(case.published.publication, &[address], case.dir.path(), &mut |_| {}).unwrap();
        case.assert_complete();
    }

    /// What such a process says of a download; it must succeed, or fail.
    fn download_with(base: &str, succeeds: bool, variables: &[(&str, &str)]) -> String {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        for name in ["no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            command.env_remove(name);
        }
        let output = command
            .args(["--exact", "data::download::tests::what_an_address_gives", "--ignored"])
            .env(ADDRESS, base)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = if succeeds { "1 passed" } else { "1 failed" };
        assert!(output.status.success() == succeeds && text.contains(told), "{text}");
        text
    }

    #[test]
    fn a_proxy_does_not_come_between_us_and_this_machine() {
        let server = Case::new().serve(Behaviour::default());
        let proxy = fixtures::closed_address();
        let variables = ["http_proxy", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, &*proxy));
        download_with(&server.base(), true, &variables);
    }

    #[test]
    fn a_socks_proxy_leads_to_what_cannot_be_reached_without() {
        // Addresses that are nobody's, and names that only the proxy could know.
        for (scheme, base) in
            [("socks5", "http://192.0.2.1/files"), ("socks5h", "http://trainmark.invalid/files")]
        {
            let server = Case::new().serve_behind(Door::Socks);
            let proxy = format!("{scheme}://{}", server.address());
            download_with(base, true, &[("ALL_PROXY", &proxy)]);
            assert_eq!(server.requests().len(), 4);
        }
        let proxy = fixtures::closed_address().replace("http", "socks5h");
        let text = download_with("http://trainmark.invalid/files", false, &[("ALL_PROXY", &proxy)]);
        assert!(text.contains("\"connection refused (publisher)\""), "{text}");
    }

    #[test]
    fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
        let server = Case::new().serve_behind(Door::Tls);
        let authority =
            concat!(env!("CARGO_MANIFEST_DIR"), "/src/data/test_server/certificates/authority.pem");
        download_with(&server.base(), true, &[("SSL_CERT_FILE", authority)]);
        assert_eq!(server.requests().len(), 4);
        let text = download_with(&server.base(), false, &[]);
        assert!(text.contains("UnknownIssuer"), "{text}");
    }
}
