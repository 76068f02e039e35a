import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './child.ts';
import type { ImageConfig } from './container-store.ts';
import { run } from './run.ts';

/** A container as an engine would run it, made with the kernel's namespaces. */
export interface Container {
  readonly child: Child;
  /** Runs a command in the container, as its user. */
  exec(...command: readonly string[]): Promise<string>;
  /** Stops the container as `docker stop` does. Returns the exit code. */
  stop(): Promise<number | null>;
}

export interface ContainerOptions {
  /** The directory with the files of the image, which stay unchanged. */
  readonly root: string;
  readonly image: ImageConfig;
  /** Paths of the host, by their path in the container. */
  readonly readOnly?: Readonly<Record<string, string>>;
  readonly writable?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly parameters?: readonly string[];
  /** Whether the container has its own network namespace without any connection. */
  readonly hasOwnNetwork?: boolean;
}

/**
 * Mounts the file systems of the container and becomes its first process. Parameters: `$1` the root, `$2` the working directory, `$3` the user, `$4` the
 * group, then the mounts up to `--`, then the command.
 */
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
 * Starts a container with a read-only root, without privileges, with the user, environment and command of the image. The command is process 1 of its
 * own process id namespace.
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
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: it has ended already
      }
      return child.ended;
    },
  };
}

function splitVariable(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Creates a mount point for a file or a directory, as engines do. */
async function makeMountPoint(source: string, target: string): Promise<void> {
  if ((await stat(source)).isDirectory()) {
    await mkdir(target, { recursive: true });
    return;
  }
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, '', { flag: 'a' });
}

/** Returns the process id of the first process of the container, as seen from outside. */
async function firstProcessOf({ pid, output }: Child): Promise<number> {
  for (let tries = 0; tries < 6000; tries++) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    const first = Number(children.trim().split(' ')[0]);
    if (first > 0) return first;
    await sleep(10);
  }
  throw new Error(`the container did not start a process. Output:\n${output()}`);
}
