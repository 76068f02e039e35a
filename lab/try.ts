import { copyFile, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pushSampleContent } from './content.ts';
import { startDirectory } from './directory.ts';
import { createPusher } from './push.ts';
import { startTokenService } from './token-service.ts';
import { createSigner } from './token-signer.ts';

/* The parts of compose.try.yaml, each by itself: `directory ADDRESS`, `tokens ADDRESS ACCESS-TOKEN DIRECTORY` and `content REGISTRY-URL DIRECTORY`, where
 * an address is HOST:PORT, and the directory is that of the key that the tokens are signed with, and of the certificate that the registry is to trust. */

const [part, ...parameters] = process.argv.slice(2);
const [first = '', second = '', third = ''] = parameters;

switch (part) {
  case 'directory': {
    const { ldapUrl, remove } = await startDirectory();
    serveUntilStopped(first, ldapUrl, remove);
    break;
  }
  case 'tokens': {
    const user = { username: 'crawler', accessToken: second, isAdmin: true };
    const { url, certificateFile, stop } = await startTokenService([user]);
    for (const name of ['certificate.pem', 'key.pem'])
      await copyFile(join(dirname(certificateFile), name), join(third, name));
    serveUntilStopped(first, url, stop);
    break;
  }
  case 'content': {
    const file = (name: string) => join(second, name);
    const [certificateFile, keyFile] = [file('certificate.pem'), file('key.pem')];
    const [certificate, key] = [await readFile(certificateFile, 'utf8'), await readFile(keyFile, 'utf8')];
    const sign = await createSigner({ certificateFile, keyFile, certificate, key });
    await answers(first);
    await pushSampleContent(
      createPusher({ url: first }, { mint: (access) => sign({ access, user: 'lab', lifetimeSeconds: 60 }) }),
    );
    process.stdout.write('the sample images are pushed\n');
    break;
  }
  default:
    throw new Error(`there is no part ${part}`);
}

/** Hands what comes in at that address on to a server of 127.0.0.1, until the process is told to end. */
function serveUntilStopped(address: string, url: string, stop: () => Promise<void>): void {
  const { hostname, port } = new URL(`tcp://${address}`);
  const server = createServer((inside) => {
    const outside = connect(Number(new URL(url).port), '127.0.0.1');
    for (const socket of [inside, outside]) socket.on('error', () => [inside, outside].map((each) => each.destroy()));
    inside.pipe(outside).pipe(inside);
  });
  server.listen(Number(port), hostname, () => process.stdout.write(`listening at ${address}\n`));
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      void stop().then(() => process.exit(0));
    });
}

/** Waits for a registry to be there, whatever it says. */
async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (
      await fetch(`${url}/v2/`).then(
        () => true,
        () => false,
      )
    )
      return;
    await sleep(100);
  }
  throw new Error(`nothing answers at ${url}`);
}
