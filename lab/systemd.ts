import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './child.ts';
import { run } from './run.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/**
 * A machine in namespaces of the host, with systemd as its process 1. It has the network and the files of the host. Its changes to files stay in
 * memory and disappear when it stops.
 */
export interface SystemdMachine {
  /** Runs a shell script in the machine, as root. Returns its standard output. */
  run(script: string): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Mounts the file systems of the machine in a mount namespace. Parameters: $1 a new directory for the mounts, $2 the name of a new control group, $3 a
 * script, $4 and later the parameters of the script.
 */
const OUTSIDE = `set -eu
mkdir "$1"
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/cgroup" "$1/upper" "$1/work" "$1/root"
mount -t cgroup2 cgroup2 "$1/cgroup"
mkdir "$1/cgroup/$2"
echo 0 > "$1/cgroup/$2/cgroup.procs"
umount "$1/cgroup"
inside=$3
cd "$1"
shift 3
exec unshare --fork --kill-child --pid --mount --cgroup --uts --ipc --propagation private sh -c "$inside" sh "$@"
`;

/* At first, /proc and the process id are still those of the host. The machine must not change kernel settings, and must not start the services of
 * the host: it has no /etc/fstab and an empty /etc/systemd/system. systemd mounts credentials in another namespace, and they appear in the service only if
 * mounts are shared inside the machine. */
const INSIDE = `set -eu
read -r pid _ < /proc/self/stat
cp -a "$1/." upper
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
node=$2
cd root
rm -rf etc/fstab etc/systemd/system var/lib/gitlab-registry-usage-rest
mkdir -p etc/systemd/system
touch usr/local/bin/node
mount --bind "$node" usr/local/bin/node
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for directory in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $directory; done
chmod 1777 tmp
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm run/old
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir -p run/systemd/system
printf '[Unit]\\nRequires=basic.target\\nAfter=basic.target\\n' > run/systemd/system/lab.target
pivot_root . run/old
umount -l /run/old
mount --make-rshared /
echo "pid=$pid"
shift 2
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
  setpriv --bounding-set -sys_module,-sys_time,-sys_rawio,-sys_boot,-syslog "$@"
`;

const SYSTEMD = ['/lib/systemd/systemd', '--system', '--unit=lab.target'];

/** Returns why the machine cannot be started here; undefined if it can. */
export async function whyNoSystemd(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return 'only root can create the namespaces';
  return inNewDirectory('no-systemd', async (directory) => {
    const name = nameOf(directory);
    const files = join(directory, 'files');
    await mkdir(files);
    const child = launch(directory, files, name, ['true']);
    const code = await child.ended;
    await removeGroup(name).catch(() => undefined);
    await removeDirectory(directory);
    return code === 0 ? undefined : child.output().trim().replaceAll('\n', '; ');
  });
}

/** @param files a directory with files to add below `/` of the machine; Node is installed in /usr/local/bin */
export function startSystemd(files: string): Promise<SystemdMachine> {
  return inNewDirectory('systemd-machine', async (directory) => {
    const name = nameOf(directory);
    const child = launch(directory, files, name, SYSTEMD);
    const stop = async (): Promise<void> => {
      const pid = pidIn(child);
      if (pid === undefined) await child.stop();
      else if (!(await hasEnded(child))) process.kill(pid, 'SIGKILL'); // the kernel then kills all processes of the namespace
      await child.ended;
      await removeGroup(name);
      await removeDirectory(directory);
    };
    try {
      const inside = await booted(child);
      return { run: inside, stop };
    } catch (error) {
      await stop();
      throw error;
    }
  });
}

function launch(directory: string, files: string, name: string, command: readonly string[]): Child {
  const parameters = [join(directory, 'machine'), name, INSIDE, files, process.execPath, ...command];
  return startChild('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', OUTSIDE, 'sh', ...parameters]);
}

/** Returns the name of the control group: that of the directory, which is unique. */
const nameOf = (directory: string): string => directory.split('/').at(-1) ?? '';

function pidIn(child: Child): number | undefined {
  const [, pid] = /^pid=(\d+)$/m.exec(child.output()) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

const hasEnded = (child: Child): Promise<boolean> => Promise.race([child.ended.then(() => true), sleep(0, false)]);

/** Waits until systemd has reached its target. */
async function booted(child: Child): Promise<(script: string) => Promise<string>> {
  let state = '';
  for (let tries = 0; tries < 2400 && !(await hasEnded(child)); tries++) {
    await sleep(50);
    const pid = pidIn(child);
    if (pid === undefined) continue;
    const options = ['-t', `${pid}`, '-m', '-p', '-C', '-u', '-i', '--root', '--wdns=/'];
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' };
    const inside = async (script: string): Promise<string> =>
      (await run('nsenter', [...options, 'sh', '-euc', script], { env })).stdout;
    state = await inside('systemctl is-active lab.target 2>&1').catch(String);
    if (state === 'active\n') return inside;
  }
  throw new Error(`systemd did not start: ${state}\n${child.output()}`);
}

/** Removes an empty control group and the groups that systemd has created in it. Only a new mount of cgroup2 shows them. */
async function removeGroup(name: string): Promise<void> {
  await inNewDirectory('control-groups', async (directory) => {
    const script = `mount -t cgroup2 cgroup2 "$1"
      for tries in 1 2 3 4 5; do
        find "$1/$2" -depth -type d -exec rmdir {} + && exit 0
        sleep 0.2
      done
      exit 1`;
    await run('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', directory, name]);
    await removeDirectory(directory);
  });
}
