//! What a program cannot see or reach.

use super::{ask, free, rule, work, world};
use anyhow::Result;
use sophon_host::grant::{Effect, Rule};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio::net::{TcpListener, UdpSocket};

#[tokio::test]
async fn a_program_is_given_four_variables_and_no_others() -> Result<()> {
    let (world, session) = free("shell").await?;
    let text = ask(&world, &session, "env").await?;
    let here = work(&world, "shell")?.canonicalize()?;
    let mut lines: Vec<&str> = text.lines().filter(|line| line.contains('=')).collect();
    lines.sort_unstable();
    let tmp = here.join("tmp");
    let path = "PATH=/usr/local/bin:/usr/bin:/bin".to_owned();
    let expected =
        [format!("HOME={}", here.display()), "LANG=C.UTF-8".to_owned(), path, format!("TMPDIR={}", tmp.display())];
    assert_eq!(lines, expected);
    assert!(ask(&world, &session, "pwd").await?.contains(&here.display().to_string()));
    // It has three streams, and nothing of the host's beside them but what whoever started the host left open for all.
    let script = "for my $fd (3..255) { open(my $f, qq(<&=$fd)) and print qq(has $fd\\n) } print qq(looked\\n)";
    let left_open = std::process::Command::new("perl").args(["-e", script]).output()?.stdout;
    let text = ask(&world, &session, &format!("perl -e '{script}'")).await?;
    assert_eq!(text, format!("````\n{}````\n\nDone, exit code 0.", String::from_utf8(left_open)?));
    Ok(())
}

/// A script that tries to spoil each of these files, and says which it could.
fn spoil(file: &Path) -> String {
    let file = file.display();
    let deeds = [
        format!("cat {file}"),
        format!("echo x >> {file}"),
        format!("rm -f {file} && test ! -e {file}"),
        format!("mv {file} stolen"),
        format!("ln {file} linked && cat linked"),
        format!("ln -s {file} soft; cat soft"),
        format!("chmod 777 {file}"),
        format!("chmod 4755 {file}"),
        format!("chown 1:1 {file}"),
        format!("touch {file}.more"),
        format!("mkdir {file}.folder"),
        format!("ls $(dirname {file})"),
        format!("cat /proc/self/root{file}"),
        format!("cat /proc/$PPID/root{file}"),
        "kill -0 $PPID".to_owned(),
        "cat /proc/$PPID/environ".to_owned(),
        "mknod disk b 8 0".to_owned(),
        "cat /etc/shadow".to_owned(),
        "mount -t tmpfs none tmp".to_owned(),
    ];
    let tried = |(number, deed): (usize, &String)| format!("({deed}) >/dev/null 2>&1 && echo could {number}; ");
    deeds.iter().enumerate().map(tried).collect()
}

#[tokio::test]
async fn what_is_not_the_programs_is_neither_read_nor_changed() -> Result<()> {
    let (world, session) = free("shell").await?;
    let home = tempfile::tempdir()?;
    let file = home.path().join("id_secret");
    std::fs::write(&file, "the key")?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let text = ask(&world, &session, &format!("sh -c '{} echo tried'", spoil(&file))).await?;
    assert_eq!(text, "````\ntried\n````\n\nDone, exit code 0.");
    assert_eq!(std::fs::read_to_string(&file)?, "the key");
    assert_eq!(file.metadata()?.permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(home.path())?.count(), 1);
    // The host's own: its store, its token.
    let store = world.config.data_dir.display();
    let text = ask(&world, &session, &format!("sh -c 'ls {store} || cat {store}/*.db || cat {store}/token'")).await?;
    assert!(text.contains("Permission denied") && text.contains("exit code 1"), "{text}");
    // In the work folder all that works.
    let deeds =
        "echo x > f && chmod 700 f && mkdir d && mv f d/g && ln d/g h && ln -s h s && cat s && echo t > $TMPDIR/t";
    assert_eq!(ask(&world, &session, &format!("sh -c '{deeds}'")).await?, "````\nx\n````\n\nDone, exit code 0.");
    Ok(())
}

#[tokio::test]
async fn a_rule_opens_a_folder_to_read_and_no_more() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("document");
    std::fs::write(&file, "to be read")?;
    let reads = vec![folder.path().canonicalize()?];
    let (world, session) = world(vec![Rule { reads, ..rule(Effect::Allow, "exec * ...") }], "shell").await?;
    let text = ask(&world, &session, &format!("cat {}", file.display())).await?;
    assert_eq!(text, "````\nto be read\n````\n\nDone, exit code 0.");
    let text = ask(&world, &session, &format!("sh -c 'echo x >> {}'", file.display())).await?;
    assert!(text.contains("Permission denied") || text.contains("cannot create"), "{text}");
    assert_eq!(std::fs::read_to_string(&file)?, "to be read");
    Ok(())
}

/// Calls to the kernel that reach beyond a program, with a process and a file that are not its own, as Perl has
/// them. None would do harm if it was not refused.
#[cfg(target_arch = "x86_64")]
fn foreign_calls(process: u32) -> Vec<String> {
    let mut calls: Vec<String> = [
        "141, 0, P, 19",
        "141, 1, 0, 19",
        "141, 2, 3999999999, 19",
        "203, P, 8, $s",
        "144, P, 3, $z",
        "142, P, $z",
        "314, P, $z, 0",
        "251, 1, P, 24576",
        "251, 3, 3999999999, 24576",
        "29, 0, 4096, 896",
        "68, 0, 896",
        "64, 0, 1, 896",
        "240, $n, 66, 384, 0",
        "197, $f, $n",
        "198, $f, $n",
        "463, -100, $f, 0, $n, $z, 16",
        "466, -100, $f, 0, $n",
        "442, -100, $f, 0, $z, 32",
        "90, $f, 0",
        "90, $f, 256",
        "268, -100, $f, 128",
        "452, -100, $f, 511, 0",
        "56, 268435473, 0, 0, 0, 0",
        "56, 131089, 0, 0, 0, 0",
        "16, fileno(F), 1074292226, $z",
    ]
    .map(|call| call.replace('P', &process.to_string()))
    .into();
    // The same the way of x32, which this kernel may not know.
    calls.push(format!("{}, 0, {process}, 19", 0x4000_0000 | 141));
    calls
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn other_processes_and_what_outlives_a_program_are_out_of_reach() -> Result<()> {
    let (world, session) = free("shell").await?;
    let (home, mut other) = (tempfile::tempdir()?, std::process::Command::new("sleep").arg("1000").spawn()?);
    let file = home.path().join("theirs");
    std::fs::write(&file, "x")?;
    // Refused is EPERM, whatever the call would say otherwise.
    let tried = foreign_calls(other.id()).into_iter().map(|call| {
        format!("$! = 0; $r = syscall({call}); exit 0 if $r == 0 && $$ != $me; print qq(could {call}\\n) if $r != -1 or $! != 1; ")
    });
    let start = format!(
        "$me = $$; $f = qq({}); $n = qq(user.x); $s = chr(1) x 8; $z = chr(0) x 64; open(F, qq(>), qq(own)); ",
        file.display()
    );
    let end = "$! = 0; syscall(435, $z, 88); print qq(no clone3: ), $! + 0, qq(\\n);".to_owned();
    let script: String = std::iter::once(start).chain(tried).chain([end]).collect();
    let text = ask(&world, &session, &format!("perl -e '{script}'")).await;
    other.kill()?;
    other.wait()?;
    assert_eq!(text?, "````\nno clone3: 38\n````\n\nDone, exit code 0.");
    Ok(())
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn a_program_of_roots_host_is_not_root_but_in_name() -> Result<()> {
    let (world, session) = free("shell").await?;
    // What it has in force, what it may have, what it would hand on; twice, as there are more than 32. And whether that
    // is for good.
    let script = "$h = pack(qq(LL), 0x20080522, 0); $d = chr(0) x 24; syscall(125, $h, $d) == 0 or die; \
                  print join(qq( ), unpack(qq(L6), $d), syscall(157, 39, 0, 0, 0, 0)), qq(\n)";
    let text = ask(&world, &session, &format!("perl -e '{script}'")).await?;
    // Where a rule opens another user's folder root's program may read it, and nothing more.
    let status = std::fs::read_to_string("/proc/self/status")?;
    let own = status.lines().find_map(|line| line.strip_prefix("CapPrm:")).unwrap_or_default();
    let most = u64::from_str_radix(own.trim(), 16)? & 4;
    assert_eq!(text, format!("````\n{most} {most} 0 0 0 0 1\n````\n\nDone, exit code 0."));
    Ok(())
}

/// A script that tries all kinds of networks, and says which it could use.
fn connect(tcp: u16, udp: u16) -> String {
    format!(
        "(echo x > /dev/tcp/127.0.0.1/{tcp}) 2>/dev/null && echo could tcp; \
         (echo x > /dev/udp/127.0.0.1/{udp}) 2>/dev/null && echo could udp; \
         perl -MSocket -e \"socket(S, AF_UNIX, SOCK_STREAM, 0) and print qq(could unix\\n)\"; \
         perl -MSocket -e \"socket(S, AF_INET, SOCK_RAW, 1) and print qq(could raw\\n)\"; echo tried"
    )
}

#[tokio::test]
async fn there_is_no_network_unless_a_rule_says_so() -> Result<()> {
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    let udp = UdpSocket::bind("127.0.0.1:0").await?;
    let script = connect(tcp.local_addr()?.port(), udp.local_addr()?.port());
    let (there, session) = free("shell").await?;
    assert_eq!(ask(&there, &session, &format!("bash -c '{script}'")).await?, "````\ntried\n````\n\nDone, exit code 0.");
    let open = Rule { network: true, ..rule(Effect::Allow, "exec * ...") };
    let (there, session) = world(vec![open], "shell").await?;
    let text = ask(&there, &session, &format!("bash -c '{script}'")).await?;
    assert_eq!(text, "````\ncould tcp\ncould udp\ntried\n````\n\nDone, exit code 0.");
    // The first to come is from the program that was allowed to.
    tcp.accept().await?;
    assert_eq!(udp.recv(&mut [0; 8]).await?, 2);
    Ok(())
}
