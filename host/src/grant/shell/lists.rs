//! The names, and the arguments that matter. Names are without digits at their end: `m` is m4, `i` is i386, `run` run0.

/// Run what they are told as code.
pub(super) const SHELLS: &str = "\
    sh bash rbash dash ash zsh ksh ksh93 mksh pdksh oksh yash posh fish csh tcsh pwsh powershell cmd nu xonsh elvish osh \
    oil ion rc es scsh";

/// Run what they are told as code, or have a command in their own language that does.
pub(super) const INTERPRETERS: &str = "\
    python pypy ipython micropython node nodejs deno bun ts-node tsx qjs d8 perl raku ruby irb php lua luajit tclsh wish \
    expect rscript r julia octave ghci ghc runghc runhaskell scala groovy kotlin swift java jshell clojure bb guile \
    racket sbcl clisp emacs emacsclient erl escript elixir iex ocaml gdb lldb awk gawk mawk nawk original-awk sed gsed \
    ed red ex vi vim vimdiff view nvim rvim less more most man m dc gnuplot sqlite psql mysql mariadb mongosh redis \
    osascript wasmtime wasmer wine qemu-system dotnet mono ftp mail mutt nano pico bpftrace systemtap stap zathura gimp \
    editor pager sensible \
    blender latex pdflatex xelatex lualatex tex prove pydoc pdb ipdb pylint fzf xdotool dialog whiptail";

/// Run the program that their arguments name.
pub(super) const WRAPPERS: &str = "\
    env nice ionice timeout nohup setsid stdbuf time chrt taskset numactl xargs parallel rush watch entr strace ltrace \
    perf valgrind flock unshare script scriptreplay unbuffer setarch linux x86_ systemd-run systemd-nspawn at batch \
    crontab tmux screen dtach abduco dbus-run-session dbus-launch firejail bwrap proot fakeroot faketime capsh \
    start-stop-daemon daemonize daemon run-parts command exec eval builtin source coproc trap gtimeout chpst softlimit \
    prlimit cpulimit catchsegv pidproxy rlwrap socklog tini dumb-init ssh-agent gpg-agent xvfb-run xinit startx open \
    xdg-open run-mailcap see choom nsjail gosu torsocks torify proxychains tsocks cgexec uclampset i logsave busctl \
    hyperfine systemd-cat systemd-inhibit xterm uxterm lxterm urxvt rxvt gnome-terminal konsole xfce4-terminal \
    lxterminal mate-terminal x-terminal-emulator terminator alacritty kitty foot wezterm chronic ifne pee vipe vidir \
    zrun sem env_parallel tsp aa-exec runcon direnv mise rtx asdf pyenv rbenv nodenv goenv jenv fnm volta ldd mold";

/// Run things on other machines or in containers, or let others in.
pub(super) const REMOTE: &str = "\
    ssh autossh sshpass scp sftp rsync rsh rlogin mosh telnet nc ncat netcat socat docker podman nerdctl ctr crictl lxc \
    lxc-attach incus vagrant virsh ansible ansible-playbook salt fab pssh pdsh cloudflared ngrok distrobox toolbox \
    flatpak snap";

/// Run what a file in the folder says, or what they fetch.
pub(super) const BUILDERS: &str = "\
    make gmake bmake ninja cmake ctest meson scons bazel buck gradle gradlew mvn mvnw ant sbt lein rake gem bundle \
    bundler npm npx pnpm pnpx yarn corepack bunx pip pipx pipenv uv uvx poetry hatch tox nox pytest conda mamba \
    easy_install cargo rustup rustc go dune opam cabal stack composer cpan cpanm luarocks mix rebar just task gcc g++ cc \
    c++ clang clang++ nix nix-shell nix-build nix-env guix brew port apt apt-get aptitude dpkg yum dnf rpm zypper pacman \
    apk emerge sphinx-build mkdocs jekyll eslint jest mocha rollup \
    pre-commit terraform tofu pulumi helm packer skaffold earthly act turbo nx lerna vite webpack";

/// Take on another user's rights.
pub(super) const ELEVATORS: &str = "\
    sudo sudoedit doas su pkexec run0 run runuser setpriv nsenter chroot machinectl sg newgrp gksu gksudo kdesu super \
    calife please pls sudo-rs su-rs sudo.ws";

/// One file with many names.
pub(super) const MULTI: &str = "\
    busybox toybox coreutils uutils";

/// Destroy, whatever their arguments.
const DESTROYERS: &str = "\
    dd shred wipefs wipe srm blkdiscard fdisk sfdisk cfdisk gdisk sgdisk parted cryptsetup mkswap mdadm lvremove \
    vgremove pvremove zpool zfs shutdown reboot halt poweroff init telinit killall pkill truncate userdel groupdel \
    deluser passwd chpasswd visudo usermod useradd iptables ip6tables nft ufw mount umount swapoff insmod rmmod modprobe \
    dropdb dropuser setcap chattr hdparm efibootmgr grub-install kexec fsck debugfs tune2fs resize2fs unlink";

/// Which arguments make a program destroy: its name, words that do, and short flags that do.
const DESTROY_BY: &[(&str, &str, &str)] = &[
    ("rm", "--recursive --force --no-preserve-root", "rRf"),
    ("chmod", "--recursive", "R"),
    ("chown", "--recursive", "R"),
    ("chgrp", "--recursive", "R"),
    ("mv", "--force", "f"),
    ("cp", "--force --remove-destination", "f"),
    ("ln", "--force", "f"),
    ("kill", "-1 -9 -KILL -SIGKILL --signal", "s"),
    ("find", "-delete -fprint -fprintf -fls -fprint0", ""),
    ("tar", "--overwrite --remove-files --absolute-names", "P"),
    ("kubectl", "delete drain replace patch apply scale cordon taint edit", ""),
    ("oc", "delete drain replace patch apply", ""),
    ("systemctl", "stop disable mask kill poweroff reboot halt restart isolate edit", ""),
    ("service", "stop restart", ""),
    ("launchctl", "unload remove bootout", ""),
    (
        "git",
        "--force --force-with-lease --force-if-includes --mirror --delete --prune --hard clean gc prune rm drop clear expire",
        "fdDB",
    ),
    ("hg", "strip purge --force", "f"),
    ("gh", "delete close merge archive", ""),
    ("aws", "delete rm rb terminate-instances --delete --force", ""),
    ("gcloud", "delete destroy remove", ""),
    ("gsutil", "rm rb", ""),
    ("az", "delete purge", ""),
    ("crontab", "-r", "r"),
    ("sysctl", "--write --system", "wp"),
    ("ip", "del delete flush down", ""),
    ("journalctl", "--vacuum-size --vacuum-time --rotate", ""),
];

/// Which arguments make a program run another: its name, words and beginnings of words that do, short flags that do.
const RUN_BY: &[(&str, &str, &str)] = &[
    ("find", "-exec -execdir -ok -okdir", ""),
    ("fd", "--exec --exec-batch", "xX"),
    ("fdfind", "--exec --exec-batch", "xX"),
    ("rg", "--pre --hostname-bin --search-zip", ""),
    (
        "tar",
        "--to-command --checkpoint-action --use-compress-program --rsh-command --rmt-command --info-script --new-volume-script",
        "IF",
    ),
    ("bsdtar", "--use-compress-program", ""),
    ("zip", "--unzip-command --test", "T"),
    ("sort", "--compress-program", ""),
    ("split", "--filter", ""),
    ("curl", "--config", "K"),
    ("wget", "--use-askpass --config --execute", "e"),
    ("ip", "exec vrf", ""),
    ("kubectl", "exec run debug cp attach port-forward proxy --kubeconfig", ""),
    ("oc", "exec run rsh debug", ""),
    ("openssl", "-engine -provider-path engine", ""),
    ("gpg", "--exec-path --photo-viewer", ""),
    ("aria2c", "--on-download-complete --on-download-start --on-bt-download-complete", ""),
    ("gh", "alias extension codespace", ""),
    ("systemctl", "link edit set-environment", ""),
    ("tcpdump", "--postrotate-command", "z"),
    ("ctags", "--options", ""),
    ("convert", "msl: https: ephemeral:", ""),
    ("hg", "--config --debugger", ""),
    ("pandoc", "--filter --lua-filter --pdf-engine --defaults", "FLd"),
    ("nmap", "--script --datadir -A", "C"),
    ("ssh-keygen", "", "Dw"),
    ("ssh-add", "", "sS"),
    ("ld", "-plugin --plugin", ""),
    ("ld.gold", "-plugin --plugin", ""),
    ("ld.bfd", "-plugin --plugin", ""),
    ("ar", "--plugin", ""),
    ("nm", "--plugin", ""),
    ("tshark", "", "X"),
    ("groff", "", "U"),
    ("cpio", "--rsh-command --rmt-command", ""),
    ("openvpn", "--up --down --plugin --config --script-security", ""),
    ("install", "--strip-program", ""),
    ("dpkg-architecture", "--command", "c"),
    ("sdiff", "--diff-program", ""),
    ("diff", "--diff-program", ""),
    ("svn", "--config-option --diff-cmd --editor-cmd --config-dir", ""),
];

/// What git does without running what its arguments name. Others, aliases among them, may do anything.
const GIT_PLAIN: &str = "\
    --version --help add am apply archive blame branch bundle cat-file check-ignore checkout cherry-pick clean clone \
    commit count-objects describe diff diff-tree fetch for-each-ref format-patch fsck gc grep hash-object init log \
    ls-files ls-remote ls-tree merge merge-base mv name-rev notes prune pull push range-diff reflog remote reset restore \
    rev-list rev-parse revert rm shortlog show show-ref sparse-checkout stash status switch symbolic-ref tag version \
    whatchanged worktree write-tree";
/// Arguments of git that name a program, wherever they stand.
const GIT_RUNS: &str = "\
    --exec --upload-pack --receive-pack --ext-diff --extcmd --open-files-in-pager --template --config --textconv \
    --strategy --remote";

/// Whether a name is one of these words.
pub(super) fn is_in(words: &str, name: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

/// Whether it deletes, overwrites or stops things that were there.
pub(super) fn is_destructive(base: &str, args: &[String]) -> bool {
    let push = base == "git" && args.iter().any(|arg| arg.starts_with('+') || arg.starts_with(':'));
    push || base.starts_with("mkfs")
        || is_in(DESTROYERS, base)
        || DESTROY_BY.iter().any(|(name, words, flags)| *name == base && says(args, words, flags))
}

/// Whether its arguments name a program that it runs.
pub(super) fn runs_by_arguments(base: &str, args: &[String]) -> bool {
    match base {
        "git" => git_runs(args),
        // Its flags need no dash where they come first.
        "tar" | "bsdtar" if args.first().is_some_and(|flags| !flags.starts_with('-') && flags.contains(['I', 'F'])) => {
            true
        }
        _ => RUN_BY.iter().any(|(name, words, flags)| *name == base && says(args, words, flags)),
    }
}

fn git_runs(args: &[String]) -> bool {
    // Only `-C FOLDER` may stand before the command: other options there say how it is configured.
    let mut rest = args;
    while let [flag, _, more @ ..] = rest
        && flag == "-C"
    {
        rest = more;
    }
    let command = rest.first().map(String::as_str).unwrap_or("--help");
    let foreign = rest.iter().any(|arg| arg.contains("::"));
    let short = match command {
        "grep" => "O",
        "clone" => "uc",
        "archive" | "commit" | "log" | "show" | "diff" => "",
        "fetch" | "pull" | "ls-remote" => "s",
        _ => "",
    };
    foreign || !is_in(GIT_PLAIN, command) || says(rest, GIT_RUNS, short)
}

/// Whether one of these words, a shortened long option, or one of these short flags is among the arguments.
fn says(args: &[String], words: &str, flags: &str) -> bool {
    let short = |arg: &str| {
        arg.strip_prefix('-').is_some_and(|rest| !rest.starts_with('-') && rest.contains(|c| flags.contains(c)))
    };
    args.iter().any(|arg| {
        let name = arg.split('=').next().unwrap_or_default();
        let shortened = |word: &str| name.len() > 2 && name.starts_with("--") && word.starts_with(name);
        words.split(' ').any(|word| name == word || (word.ends_with(':') && arg.starts_with(word)) || shortened(word))
            || short(arg)
    })
}
