import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../lab/certificate.ts';
import { freePort } from '../../lab/child.ts';
import { config, layer } from '../../lab/images.ts';
import { packInto } from '../../lab/package.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { run } from '../../lab/run.ts';
import { type Settings, toIni } from '../../lab/service.ts';
import { type SystemdMachine, startSystemd, whyNoSystemd } from '../../lab/systemd.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { installDebianPackages } from '../support/debian-packages.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* Installs the unit with the commands of docs/systemd.md, and runs it in a container whose process 1 is Debian's systemd. */

const ROOT = new URL('../..', import.meta.url).pathname;
const PROGRAM = 'gitlab-registry-usage-rest';
const CONFIG_FILE = '/etc/gitlab_registry_usage_rest.conf';
const ACCESS_TOKEN = 'secret';
const SECRET_KEY = 'the secret key of this machine: 100% secret';
/** bcrypt of `secret`, for the user `crawler`. */
const HTPASSWD = 'crawler:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';
const PATIENCE = { timeout: 120_000, interval: 100 };

await installDebianPackages('docker-registry', 'openssl', 'systemd:systemd-analyze');
const reason = await whyNoSystemd();
if (reason !== undefined) console.warn(`skips the tests of the unit in systemd: ${reason}`);

describe.skipIf(reason !== undefined)('the unit in systemd', () => {
  let page: string;
  let registry: LabRegistry;
  /** The prefix that the program is installed into. */
  let installed: string;
  const cleanups: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    page = await readFile(join(ROOT, 'docs/systemd.md'), 'utf8');
    const open = await startRegistry();
    cleanups.push(open.remove);
    await createPusher(open).image('group/app', 'v1', { config: config('unit'), layers: [layer('unit', 1000)] });
    registry = await startRegistry({ htpasswd: HTPASSWD, copyOf: open.storageDirectory });
    cleanups.push(registry.remove);
    const tarball = await packInto(await newDirectory());
    installed = await newDirectory();
    await run('npm', ['install', '-g', '--prefix', installed, '--no-audit', '--no-fund', tarball], { cwd: installed });
  });

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  async function newDirectory(): Promise<string> {
    const directory = await inNewDirectory('systemd', async (made) => made);
    cleanups.push(() => removeDirectory(directory));
    return directory;
  }

  interface Running {
    readonly machine: SystemdMachine;
    readonly url: string;
    /** Returns the named properties of the unit. */
    show(...names: string[]): Promise<Record<string, string>>;
    log(): Promise<string>;
  }

  /** Runs a machine, installs the service with the documented commands and these settings, and calls `use`. @param more files, by path */
  async function inMachine(
    general: Settings['general'],
    use: (running: Running) => Promise<void>,
    more: Readonly<Record<string, string>> = {},
    accessToken = ACCESS_TOKEN,
  ): Promise<void> {
    const files = await newDirectory();
    await chmod(files, 0o755);
    await cp(installed, join(files, 'usr/local'), { recursive: true, verbatimSymlinks: true });
    await chmod(join(files, 'usr/local'), 0o755);
    const port = await freePort();
    const text = toIni({
      general: { socket_port: port, ...general },
      ldap: { host: 'ldap.invalid', base_dn: 'dc=invalid', valid_gid: 1 },
      jwt: { secret_key: SECRET_KEY },
      registry: { registry_base_url: registry.url, username: 'crawler', access_token: accessToken },
    });
    const unit = `packaging/${PROGRAM}.service`;
    const all = {
      ...more,
      'root/settings': text,
      'usr/local/bin/editor': '#!/bin/sh\ncat /root/settings > "$1"\n',
      [`root/checkout/${unit}`]: await readFile(join(ROOT, unit), 'utf8'),
    };
    for (const [path, content] of Object.entries(all)) {
      await mkdir(dirname(join(files, path)), { recursive: true });
      await writeFile(join(files, path), content);
    }
    await chmod(join(files, 'usr/local/bin/editor'), 0o755);
    const machine = await startSystemd(files);
    try {
      await machine.run(`cd /root/checkout\n${blockUnder('## Install it')}`);
      const show = async (...names: string[]) =>
        propertiesIn(await machine.run(`systemctl show ${PROGRAM} ${names.map((name) => `-p ${name}`).join(' ')}`));
      const log = (): Promise<string> => machine.run(blockUnder('## Read the log'));
      await use({ machine, url: `http://127.0.0.1:${port}`, show, log });
    } finally {
      await machine.stop();
    }
  }

  /** Returns the commands under a heading of docs/systemd.md, by default those of its first block. */
  function blockUnder(heading: string, number = 1): string {
    const block = page.split(`${heading}\n`)[1]?.split('\n## ')[0]?.split('```sh\n')[number]?.split('```')[0];
    if (block === undefined) throw new Error(`no block ${number} under ${heading}`);
    return block;
  }

  const propertiesIn = (text: string): Record<string, string> =>
    Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/, 2)));
  const isReady = async ({ url }: Running): Promise<void> => {
    const status = () => fetch(`${url}/health/ready`).then((response) => response.status, String);
    await expect.poll(status, PATIENCE).toBe(200);
  };

  test('is active and enabled, runs as a user of its own, and stores its data where only that user can read it', async () => {
    await inMachine({}, async (running) => {
      await isReady(running);
      const { machine, show, log } = running;
      expect(await machine.run(`systemctl is-active ${PROGRAM}; systemctl is-enabled ${PROGRAM}`)).toBe(
        'active\nenabled\n',
      );
      expect(await log()).toContain('"msg":"crawl finished"');
      const implied = { NoNewPrivileges: 'yes', PrivateTmp: 'yes', ProtectSystem: 'strict', RemoveIPC: 'yes' };
      const more = { RestrictSUIDSGID: 'yes', DevicePolicy: 'closed', KeyringMode: 'private', AmbientCapabilities: '' };
      expect(await show(...Object.keys({ ...implied, ...more }))).toMatchObject({ ...implied, ...more });
      const { MainPID: pid } = await show('MainPID');
      const status = await machine.run(`cat /proc/${pid}/status`);
      expect(status).not.toMatch(/^[UG]id:.*\b0\b/m);
      expect(status).toMatch(/^CapBnd:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(status).toMatch(/^Seccomp:\s+2$/m);
      const [, uid = ''] = /^Uid:\s+(\d+)/m.exec(status) ?? [];
      expect(await machine.run(`cd /var/lib/private/${PROGRAM}; stat -c '%u %a %n' . usage.db`)).toBe(
        `${uid} 700 .\n${uid} 600 usage.db\n`,
      );
      expect(await machine.run(`stat -c '%u %a' ${CONFIG_FILE}`)).toBe('0 600\n');
      await machine.run(`systemctl stop ${PROGRAM}`);
      expect(await show('Result', 'ExecMainStatus')).toMatchObject({ Result: 'success', ExecMainStatus: '0' });
    });
  });

  test('hides home directories from the service, and allows it to write only its state and to use only allowed system calls', async () => {
    const tries = [
      'cat /home/somebody/secret',
      'cat /root/settings',
      `cat ${CONFIG_FILE}`,
      'touch /etc/new',
      'cat /tmp/of-another',
      'chrt -b 0 true',
      'test -e /proc/1',
      'test -e /proc/meminfo',
      'unshare --user true',
    ];
    const script = [
      '#!/bin/sh',
      'touch "$STATE_DIRECTORY/new" && echo works: state',
      'test "$(id -u)" != 0 && echo works: user',
    ]
      .concat(tries.map((command) => `${command} >/dev/null 2>&1 && echo "works: ${command}"`))
      .concat('true', '')
      .join('\n');
    const files = { 'home/somebody/secret': 'x', 'usr/local/bin/tries': script };
    const probe = '[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=sh /usr/local/bin/tries\n';
    await inMachine(
      {},
      async ({ machine }) => {
        const works = async (unit: string): Promise<readonly string[]> => {
          await machine.run(`systemctl daemon-reload; systemctl start ${unit}`);
          const log = await machine.run(`journalctl -u ${unit} -o cat`);
          return log.match(/(?<=^works: ).*/gm) ?? [];
        };
        await machine.run(`systemctl stop ${PROGRAM}; echo x > /tmp/of-another
          cd /etc/systemd/system; mkdir probe.service.d; cp ${PROGRAM}.service probe.service
          printf '${probe.replaceAll('\n', '\\n')}' > probe.service.d/override.conf
          printf '[Service]\\nStateDirectory=free\\n${probe.replaceAll('\n', '\\n')}' > free.service`);
        expect(await works('probe')).toEqual(['state', 'user']);
        expect(await works('free')).toEqual(['state', ...tries]);
      },
      files,
    );
  });

  test('keeps the service running on reload, with and without a certificate', async () => {
    const { certificate, key } = await makeCertificate(await newDirectory(), ['IP:127.0.0.1']);
    const files = { 'etc/usage/service.pem': certificate, 'etc/usage/service.key': key };
    await inMachine(
      {},
      async (running) => {
        await isReady(running);
        const { machine, show, log } = running;
        const reload = blockUnder('## Reload the certificate');
        const before = await show('MainPID');
        await machine.run(reload);
        await expect.poll(log, PATIENCE).toContain('nothing to reload');
        expect(await show('MainPID', 'NRestarts')).toEqual({ ...before, NRestarts: '0', '': undefined });

        await machine.run(`groupadd usage-key; cd /etc/usage; chgrp usage-key service.key; chmod 640 service.key
          sed -i 's,^.general.,&\\ntls_certificate=/etc/usage/service.pem\\ntls_key=/etc/usage/service.key,' ${CONFIG_FILE}
          mkdir /etc/systemd/system/${PROGRAM}.service.d; cd /etc/systemd/system/${PROGRAM}.service.d
          printf '[Service]\\nSupplementaryGroups=usage-key\\n' > override.conf
          systemctl daemon-reload; systemctl restart ${PROGRAM}`);
        await expect.poll(log, PATIENCE).toContain('"url":"https://');
        const started = await show('MainPID');
        await machine.run(reload);
        await expect.poll(log, PATIENCE).toContain('certificate reloaded');
        expect(await show('MainPID')).toEqual(started);
      },
      files,
    );
  });

  test('restarts the service after a crash, but not after a configuration error', async () => {
    await inMachine({}, async (running) => {
      await isReady(running);
      const { machine, show, log } = running;
      await machine.run(`systemctl kill -s KILL ${PROGRAM}`);
      await expect
        .poll(() => show('ActiveState', 'NRestarts'), PATIENCE)
        .toMatchObject({
          ActiveState: 'active',
          NRestarts: '1',
        });
      await isReady(running);
      await machine.run(`sed -i 's/^.general.$/&\\nlog_level = loud/' ${CONFIG_FILE}; systemctl restart ${PROGRAM}`);
      await expect
        .poll(() => show('ActiveState', 'SubState'), PATIENCE)
        .toMatchObject({
          ActiveState: 'failed', // a unit that will be restarted is "activating"
          SubState: 'failed',
        });
      expect(await show('ExecMainStatus', 'NRestarts')).toMatchObject({ ExecMainStatus: '2', NRestarts: '0' });
      expect(await log()).toMatch(/config:\d+: \[general\] log_level: "loud"/);
    });
  });

  test('does not start without a credential, the program or the configuration, as documented', async () => {
    await inMachine({}, async ({ machine, show }) => {
      const start = (change: string): Promise<string> =>
        machine.run(`${change}; systemctl daemon-reload; systemctl restart ${PROGRAM} 2>&1 || true
          systemctl status --no-pager ${PROGRAM} || true`);
      const override = `/etc/systemd/system/${PROGRAM}.service.d`;
      const withoutCredential = await start(
        `mkdir ${override}; printf '[Service]\nLoadCredential=a:/etc/none\n' > ${override}/a.conf`,
      );
      const withoutProgram = await start(`rm -r ${override}; mv /usr/local/bin/${PROGRAM} /root`);
      for (const [status, words] of [
        [withoutCredential, 'status=243/CREDENTIALS'],
        [withoutProgram, 'status=203/EXEC'],
      ] as const) {
        expect(status).toContain(words);
        expect(status).toMatch(/Active: failed/);
        expect(page).toContain(`\`${words}\``);
      }
      const missing = await start(`mv /root/${PROGRAM} /usr/local/bin; mv ${CONFIG_FILE} /root/away`);
      expect(missing).toContain(`AssertPathExists=${CONFIG_FILE} was not met`);
      expect(missing).toContain('start assertion failed');
      await start(`mv /root/away ${CONFIG_FILE}`);
      expect(await show('ActiveState')).toMatchObject({ ActiveState: 'active' });
    });
  });

  test('reads secrets from files of their own with the documented drop-in', async () => {
    const directory = 'etc/gitlab-registry-usage-rest';
    const dropIn = page.split('```ini\n')[1]?.split('```')[0] ?? '';
    const files = {
      [`${directory}/access_token`]: `${ACCESS_TOKEN}\n`,
      [`${directory}/secret_key`]: SECRET_KEY,
      [`etc/override.conf`]: dropIn,
    };
    await inMachine(
      {},
      async (running) => {
        const { machine, log } = running;
        await expect.poll(log, PATIENCE).toContain('crawl failed');
        await machine.run(`chmod 600 /${directory}/*; chmod 700 /${directory}
          mkdir /etc/systemd/system/${PROGRAM}.service.d; mv /etc/override.conf /etc/systemd/system/${PROGRAM}.service.d
          systemctl daemon-reload; systemctl restart ${PROGRAM}`);
        await isReady(running);
      },
      files,
      'wrong',
    );
  });
});
