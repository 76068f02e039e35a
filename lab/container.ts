import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Child, startChild } from './child.ts';
import type { ImageConfig } from './container-store.ts';

const run = promisify(execFile);

/** A container as an engine would run it, made with the kernel's own means. */
export interface Container {
  readonly child: Child;
  /** Runs a command in it, as its user. */
  exec(...command: readonly string[]): Promise<string>;
  /** As `docker stop` does. Gives the exit code. */
  stop(): Promise<number | null>;
}

export interface ContainerOptions {
  /** The files of its image; they are not written to. */
  readonly root: string;
  readonly image: ImageConfig;
  /** Paths of the host, by the path that they have in the container. */
  readonly readOnly?: Readonly<Record<string, string>>;
  readonly writable?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly parameters?: readonly string[];
  /** Whether it has a network of its own, in which there is nothing but itself. */
  readonly hasOwnNetwork?: boolean;
}

/** Mounts what the container sees, and becomes its first process. `$1` is the root, `$2` the directory, `$3` and `$4` user and group; mounts until `--`, then the command. */
const START = `
set -eu
root=$1 directory=$2 user=$3 group=$4; shift 4
mount --bind "$root" "$root"
while [ "$1" != -- ]; do mount --bind "$2" "$root$3"; [ "$1" = rw ] || mount -o remount,bind,ro "$root$3"; shift 3; done
shift
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
[ -z "$LAB_OWN_NETWORK" ] || ip link set lo up
unset LAB_OWN_NETWORK
exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \\
  unshare --root="$root" --wd="$directory" --setgid="$group" --setuid="$user" -- "$@"
`;

/**
 * With a root that cannot be written to, no privileges, the user, the environment and the command of the image, and as the first process of its own
 * list of processes.
 */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const { root, image, readOnly = {}, writable = {}, parameters = [], hasOwnNetwork = false } = options;
  const env = { ...Object.fromEntries(image.Env.map(splitVariable)), ...options.env };
  const mounts = [
    ...Object.entries(readOnly).map(([target, source]) => ['ro', source, target]),
    ...Object.entries(writable).map(([target, source]) => ['rw', source, target]),
  ];
  for (const [, source = '', target = ''] of mounts) await makeMountPoint(source, join(root, target));
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', ...(hasOwnNetwork ? ['--net'] : [])];
  const command = [...image.Entrypoint, ...(image.Cmd ?? []), ...parameters];
  const [user = '', group = ''] = (image.User || '0:0').split(':');
  const where = [root, image.WorkingDir || '/', user, group];
  const child = startChild(
    '/usr/bin/unshare',
    [...namespaces, '/bin/sh', '-c', START, 'sh', ...where, ...mounts.flat(), '--', ...command],
    { env: { ...env, LAB_OWN_NETWORK: hasOwnNetwork ? 'yes' : '' } },
  );
  const first = await firstProcessOf(child);
  return {
    child,
    async exec(...words) {
      const inside = ['--target', String(first), '--mount', '--pid', '--net', '--root', '--wd'];
      const who = ['--setuid', user, '--setgid', group];
      return (await run('/usr/bin/nsenter', [...inside, ...who, '--', ...words], { env })).stdout;
    },
    async stop() {
      try {
        process.kill(first, 'SIGTERM');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // else it has ended by itself
      }
      return child.ended;
    },
  };
}

function splitVariable(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Somewhere to mount a file or a directory on, as engines make it. */
async function makeMountPoint(source: string, target: string): Promise<void> {
  if ((await stat(source)).isDirectory()) {
    await mkdir(target, { recursive: true });
    return;
  }
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, '', { flag: 'a' });
}

/** The number that the first process of the container has outside of it. */
async function firstProcessOf({ pid, output }: Child): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    const first = Number(children.trim().split(' ')[0]);
    if (first > 0) return first;
    await sleep(10);
  }
  throw new Error(`the container has no process:\n${output()}`);
}
