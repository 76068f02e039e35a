import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The commands that our Dockerfile and npm ask for, of busybox. */
const COMMANDS = ['bin/sh', 'bin/mkdir', 'bin/chown', 'bin/rm', 'usr/bin/env'];
const NPM = 'usr/local/lib/node_modules/npm';

/**
 * What Node's own image is to our Dockerfile, made of what is on this machine: the Node that we run on with the libraries that it is linked with, npm,
 * and Debian's busybox.
 */
export async function makeBaseRoot(root: string): Promise<void> {
  for (const directory of [
    'bin',
    'etc',
    'proc',
    'dev',
    'sys',
    'root',
    'run',
    'usr/bin',
    'usr/local/bin',
    'usr/local/etc',
    'var/lib',
  ])
    await mkdir(join(root, directory), { recursive: true });
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o1777);
  await copyProgram(process.execPath, root, 'usr/local/bin/node');
  await copyProgram('/usr/bin/busybox', root, 'bin/busybox');
  for (const command of COMMANDS) await symlink('/bin/busybox', join(root, command));
  await cp(await directoryOfNpm(), join(root, NPM), { recursive: true, dereference: true });
  await symlink(`/${NPM}/bin/npm-cli.js`, join(root, 'usr/local/bin/npm'));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n');
}

/** A program, and where they are expected the libraries that ldd names. One that is linked statically has none. */
async function copyProgram(program: string, root: string, to: string): Promise<void> {
  await cp(program, join(root, to), { dereference: true });
  const { stdout } = await run('ldd', [program]).catch(() => ({ stdout: '' }));
  for (const [library] of stdout.matchAll(/\/\S+/g)) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await cp(library, join(root, library), { dereference: true });
  }
}

async function directoryOfNpm(): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'command -v npm']);
  return dirname(dirname(await realpath(stdout.trim()))); // npm is a link to bin/npm-cli.js of its package
}

/** How npm reaches its registry from here, as the text of an npmrc: without what is secret, and with the certificates in that file. */
export async function npmSettings(
  certificatesFile: string,
): Promise<{ readonly npmrc: string; readonly cafile: string | undefined }> {
  const { stdout } = await run('npm', ['config', 'list', '--json']);
  const settings = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  const names = ['registry', 'proxy', 'https-proxy', 'noproxy'].filter((name) => settings[name]);
  const cafile = typeof settings['cafile'] === 'string' ? settings['cafile'] : process.env['NODE_EXTRA_CA_CERTS'];
  const lines = names.map((name) => `${name}=${settings[name]}\n`);
  return { npmrc: [...lines, ...(cafile ? [`cafile=${certificatesFile}\n`] : [])].join(''), cafile };
}
