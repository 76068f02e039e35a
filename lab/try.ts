import { copyFile, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pushSampleContent } from './content.ts';
import { startDirectory } from './directory.ts';
import { createPusher } from './push.ts';
import { exitOnSignals } from './resources.ts';
import { startTokenService } from './token-service.ts';
import { createSigner } from './token-signer.ts';

/* Runs one part of compose.try.yaml:
 *
 *   directory ADDRESS
 *   tokens ADDRESS ACCESS-TOKEN DIRECTORY
 *   content REGISTRY-URL DIRECTORY
 *
 * ADDRESS is HOST:PORT. DIRECTORY holds the key that signs the tokens and the certificate that the registry trusts. */

exitOnSignals({ code: 0 });
const [part, ...parameters] = process.argv.slice(2);
const [first = '', second = '', third = ''] = parameters;

switch (part) {
  case 'directory': {
    const { ldapUrl } = await startDirectory();
    forward(first, ldapUrl);
    break;
  }
  case 'tokens': {
    const user = { username: 'crawler', accessToken: second, isAdmin: true };
    const { url, certificateFile } = await startTokenService([user]);
    for (const name of ['certificate.pem', 'key.pem'])
      await copyFile(join(dirname(certificateFile), name), join(third, name));
    forward(first, url);
    break;
  }
  case 'content': {
    const file = (name: string) => join(second, name);
    const [certificateFile, keyFile] = [file('certificate.pem'), file('key.pem')];
    const [certificate, key] = [await readFile(certificateFile, 'utf8'), await readFile(keyFile, 'utf8')];
    const sign = await createSigner({ certificateFile, keyFile, certificate, key });
    await waitUntilAnswering(first);
    await pushSampleContent(
      createPusher({ url: first }, { mint: (access) => sign({ access, user: 'lab', lifetimeSeconds: 60 }) }),
    );
    process.stdout.write('sample images pushed\n');
    break;
  }
  default:
    throw new Error(`unknown part "${part}": use directory, tokens or content`);
}

/** Forwards every connection to `address` to the server of `url`, which listens on 127.0.0.1. */
function forward(address: string, url: string): void {
  const { hostname, port } = new URL(`tcp://${address}`);
  const server = createServer((incoming) => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1');
    for (const socket of [incoming, upstream])
      socket.on('error', () => [incoming, upstream].map((each) => each.destroy()));
    incoming.pipe(upstream).pipe(incoming);
  });
  server.listen(Number(port), hostname, () => process.stdout.write(`listening at ${address}\n`));
}

/** Waits until a registry answers, with any status. */
async function waitUntilAnswering(url: string): Promise<void> {
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
  throw new Error(`no answer from ${url} after 60 seconds`);
}
