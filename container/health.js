// Requests /health/live from the service in this container, for HEALTHCHECK. Reads the service's configuration for the port, the prefix and TLS.
import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { DEFAULT_CONFIG_FILE, loadConfig } from './dist/config/load-config.js';

const loaded = loadConfig({ file: DEFAULT_CONFIG_FILE, isDefaultFile: true, env: process.env });
if ('problems' in loaded) fail(loaded.problems.join('\n'));
const { general, http } = loaded.config;
const isEverywhere = ['0.0.0.0', '::'].includes(general.host);
const send = http.tls === undefined ? requestPlain : requestTls;
const target = {
  host: isEverywhere ? '127.0.0.1' : general.host,
  port: general.port,
  path: `${general.prefix}/health/live`,
  rejectUnauthorized: false, // the certificate is for the public host name, not for 127.0.0.1
  timeout: 5000,
};
send(target, ({ statusCode }) => (statusCode === 200 ? process.exit(0) : fail(`status ${statusCode}`)))
  .on('timeout', () => fail('no response within 5 seconds'))
  .on('error', ({ message }) => fail(message))
  .end();

function fail(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
