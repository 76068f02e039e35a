import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freePort } from '../../lab/child.ts';
import { SERVICE_COMMAND } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { GOOD } from '../support/config-sample.ts';

/* The service while its log cannot be written: to a full disk, or to a pipe that no process reads. */

const QUOTED = SERVICE_COMMAND.map((word) => `'${word}'`).join(' ');

test('keeps running if the log cannot be written, and exits with 0 after two signals', async () => {
  await inNewDirectory('output', async (directory) => {
    const [port, unusedPort] = [await freePort(), await freePort()];
    const configFile = join(directory, 'service.conf');
    const text = GOOD.replace('8080', String(port)).replaceAll(/https:\/\/\S*/g, `http://127.0.0.1:${unusedPort}`);
    await writeFile(configFile, `${text}[store]\nurl = sqlite:${directory}/usage.db\n`);
    const child = spawn('sh', ['-c', `exec ${QUOTED} -c '${configFile}' 2>/dev/full`], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    const live = () => fetch(`http://127.0.0.1:${port}/health/live`).then(({ status }) => status);
    while ((await live().catch(() => 0)) !== 200) {
      expect(child.exitCode).toBeNull();
      await sleep(50);
    }
    expect(await live()).toBe(200);
    child.kill('SIGTERM');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    await removeDirectory(directory);
  });
});

test('does not block on a log that is not read, and writes it completely and in order later', async () => {
  await inNewDirectory('output', async (directory) => {
    const [port, unusedPort] = [await freePort(), await freePort()];
    const configFile = join(directory, 'service.conf');
    const text = GOOD.replace('8080', String(port)).replaceAll(/https:\/\/\S*/g, `http://127.0.0.1:${unusedPort}`);
    await writeFile(configFile, `${text}[store]\nurl = sqlite:${directory}/usage.db\n`);
    const child = spawn('sh', ['-c', `exec ${QUOTED} -c '${configFile}'`], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(child, 'exit');
    const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`).then(({ status }) => status);
    while ((await ask('/health/live').catch(() => 0)) !== 200) await sleep(50);
    const paths = Array.from({ length: 1500 }, (_, i) => `/nothing/${i}/${'x'.repeat(200)}`);
    for (const path of paths) expect(await ask(path)).toBe(404);
    const output = child.stderr.setEncoding('utf8').toArray();
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const lines = (await output).join('').trim().split('\n');
    const asked = lines.map((line) => JSON.parse(line).path).filter((path) => path?.startsWith('/nothing'));
    expect(asked).toEqual(paths);
    await removeDirectory(directory);
  });
});

test.each(['-h', '--print-default-config'])(
  'exits with 1 and without a stack if %s writes to a full disk',
  async (option) => {
    const child = spawn('sh', ['-c', `${QUOTED} ${option} >/dev/full`]);
    const [[code], errors] = await Promise.all([once(child, 'exit'), child.stderr.setEncoding('utf8').toArray()]);
    expect([code, errors.join('')]).toEqual([1, '']);
  },
);
