import { appendFile, cp, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './run.ts';

const NPM = 'usr/local/lib/node_modules/npm';
/** Debian's slim images omit these directories too. */
const LEFT_OUT = ['doc', 'man', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);

/**
 * Creates a root file system like Node's official image: Debian's minimal system from its packages, with the Node that runs this process, npm, and
 * the user `node`.
 */
export async function makeBaseRoot(root: string): Promise<void> {
  const { codename, site } = await debian();
  await run('mmdebstrap', ['--mode=root', '--variant=minbase', ...LEFT_OUT, codename, root, site]);
  await cp(process.execPath, join(root, 'usr/local/bin/node'), { dereference: true });
  await cp(await directoryOfNpm(), join(root, NPM), { recursive: true, dereference: true });
  await symlink(`/${NPM}/bin/npm-cli.js`, join(root, 'usr/local/bin/npm'));
  await appendFile(join(root, 'etc/passwd'), 'node:x:1000:1000::/home/node:/bin/bash\n');
  await appendFile(join(root, 'etc/group'), 'node:x:1000:\n');
}

/** Returns the codename of this machine's Debian and the URL of its package mirror. */
async function debian(): Promise<{ readonly codename: string; readonly site: string }> {
  const format = '$(LABEL) $(COMPONENT) $(CODENAME) $(SITE)';
  const { stdout } = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const [, codename, site] = /^Debian main (\w+) (\S+)$/m.exec(stdout) ?? [];
  if (codename === undefined || site === undefined)
    throw new Error('apt has no list of Debian packages: run apt-get update');
  return { codename, site };
}

async function directoryOfNpm(): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'realpath "$(command -v npm)"']);
  return dirname(dirname(stdout.trim())); // npm is a link to bin/npm-cli.js in its package
}

/** Returns an npmrc with this machine's registry and proxies, but without secrets, and the file of additional CA certificates. */
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
