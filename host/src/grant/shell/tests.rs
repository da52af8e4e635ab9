//! Command lines that were taken for harmless elsewhere, and harmless ones.

use super::*;

fn nature_of(line: &str) -> Nature {
    let mut words = line.split(' ');
    let program = words.next().expect("a program");
    let args: Vec<String> = words.map(str::to_owned).collect();
    let name = (!program.contains('/')).then_some(program);
    let file = if name.is_some() { format!("/usr/bin/{program}") } else { program.to_owned() };
    nature(name, Path::new(&file), &args)
}

/// Run code, or another program, that their arguments name.
const RUNNERS: &str = r#"sh -c id
bash -lc id
bash
/bin/dash script
zsh -ic id
fish -c id
busybox sh -c id
toybox sh
/opt/x/BASH -c id
bash-5.2 -c id
python -c 1
python3 -c 1
python3.11 -m http.server
/usr/bin/python3.12
pypy3 -c 1
node -e 1
node18 x.js
deno eval 1
perl -e 1
perl5.36.0 -e 1
ruby -e 1
php8.2 -r 1
lua5.4 -e 1
awk 1
gawk-5.1.0 1
mawk BEGIN{system("id")}
sed s/x/id/e
vim -c !id
ed
m4 x
env id
env -S id
nice id
timeout 5 id
nohup id
setsid id
stdbuf -o0 id
time id
xargs id
parallel id
watch id
strace id
flock x id
unshare id
script -c id
i386 id
linux64 id
setarch id
systemd-run id
tmux new id
bwrap id
/lib64/ld-linux-x86-64.so.2 /bin/id
/lib/ld-musl-x86_64.so.1 /bin/id
ssh h id
rsync -e id a b
docker run x
podman exec x id
nc -e /bin/sh h 1
socat EXEC:id -
make
npm run x
npx x
pip3 install x
pip3.11 install x
cargo run
go run x
apt-get install x
gcc x.c
find . -exec id ;
find . -execdir id ;
find . -ok id ;
find . -okdir id ;
fd -x id
rg --pre id x
tar --to-command=id -xf x
tar -I id -xf x
tar --use-comp=id -xf x
tar --checkpoint-action=exec=id x
tar cIf id x y
tar xFf id x
bsdtar cIf id x y
prove -e id
pydoc3 ./x.py
pdb3 x.py
hyperfine id
systemd-cat id
systemd-inhibit id
xterm -e id
chronic id
ifne id
pee id
sem id
pandoc --filter id x
pandoc -F id x
nmap --script x h
ssh-keygen -D ./x.so
ld -plugin ./x.so
/usr/bin/ld.bfd --plugin ./x.so
aa-exec -- id
runcon t id
direnv exec . id
mise x -- id
ldd ./x
zip -T -TT id x
sort --compress-program=id x
split --filter=id x
curl -K x
wget --use-askpass=id x
git -c core.pager=id log
git --exec-path=/x log
git -C /x -c alias.l=!id l
git rebase -x id
git bisect run id
git submodule foreach id
git clone ext::id
git fetch --upload-pack=id x
git grep -Oid x
git myalias
git ls-remote --upload-p=id x
git config alias.x !id
git filter-branch x
git --config-env=a=b log
kubectl exec p id
ip netns exec x id
bash-static -c id
vim.basic -c !id
perl5.36-x86_64-linux-gnu -e 1
editor x
sensible-pager x
install -s --strip-program=x a b
sdiff --diff-program=x a b
diff3 --diff-program=x a b c
dpkg-architecture -c id"#;

#[test]
fn code_on_the_command_line_is_seen_behind_every_door() {
    for line in RUNNERS.lines() {
        let nature = nature_of(line);
        assert!(
            nature.runs_others && nature.severity >= Severity::High && nature.words.is_some(),
            "{line}: {nature:?}"
        );
    }
}

#[test]
fn rights_of_another_user_are_critical_and_seen_through_wrappers() {
    for line in [
        "sudo id",
        "sudo",
        "doas id",
        "su -c id",
        "pkexec id",
        "run0 id",
        "env sudo id",
        "nice -n 5 /usr/bin/sudo id",
        "timeout 5 nohup env A=1 doas id",
        "xargs sudo rm",
        "sh -c cat|sudo",
        "busybox su",
        "chroot / id",
        "nsenter -t 1",
    ] {
        let nature = nature_of(line);
        assert!(nature.severity == Severity::Critical && nature.runs_others, "{line}: {nature:?}");
    }
}

/// Delete, overwrite or stop things.
const DESTROYERS: &str = r#"rm -r x
rm -Rf x
rm -f x
rm --recurs x
dd if=x of=y
mkfs.ext4 x
mkfs x
shred x
wipefs x
shutdown now
reboot
poweroff
chmod -R 777 x
chmod 777 --recursive x
chown -R a x
kill -9 1
killall x
pkill x
find . -delete
find . -fprintf x y
git push --force
git push -f
git push --force-with-l
git push origin +main
git push origin :main
git push --delete origin x
git reset --hard
git clean -fdx
git branch -D x
kubectl delete pod x
kubectl drain x
systemctl stop x
truncate -s 0 x
aws s3 rm x
gcloud compute delete x
mount x
iptables -F
crontab -r
cp -f a b
/usr/sbin/mkfs.btrfs x"#;

#[test]
fn what_destroys_is_high() {
    for line in DESTROYERS.lines() {
        let nature = nature_of(line);
        assert!(nature.severity >= Severity::High && nature.words.is_some(), "{line}: {nature:?}");
    }
}

#[test]
fn ordinary_programs_are_told_as_such() {
    for line in [
        "ls -la",
        "cat x",
        "rm x",
        "echo sh -c id",
        "grep -r sudo .",
        "git status",
        "git log --oneline --stat",
        "git -C /x diff",
        "git commit -m words",
        "git branch --remotes",
        "tar -xzf x",
        "tar xzf x",
        "pandoc x -o y",
        "ssh-keygen -l -f x",
        "nmap -sT h",
        "sort x",
        "install -m 644 a b",
        "apt-listchanges",
        "sdiff a b",
        "find . -name x",
        "chmod 600 x",
        "curl -s https://x",
        "rg words",
        "wc",
        "sha256sum x",
        "python3 --version",
        "node --version",
        "bash --version",
        "git",
        "kubectl get pods",
        "kill 12",
    ] {
        assert_eq!(nature_of(line), PLAIN, "{line}");
    }
}

#[test]
fn a_name_hides_no_file_and_a_file_no_name() {
    let args = ["-c".to_owned(), "id".to_owned()];
    for (name, file) in
        [(Some("tool"), "/bin/bash"), (Some("sh"), "/bin/tool"), (None, "/x/sh"), (Some("sh"), "/bin/busybox")]
    {
        assert!(nature(name, Path::new(file), &args).runs_others, "{name:?} {file}");
    }
    assert!(!nature(Some("ls"), Path::new("/bin/busybox"), &[]).runs_others, "busybox is what it was called by");
    assert!(nature(None, Path::new("/bin/busybox"), &[]).runs_others);
    assert!(nature(None, Path::new("/"), &[]).severity == Severity::Medium, "no name at all");
}

#[test]
fn long_command_lines_take_no_time_to_speak_of() {
    let args = vec!["env".to_owned(); 512];
    assert!(nature(Some("env"), Path::new("/usr/bin/env"), &args).runs_others);
}
