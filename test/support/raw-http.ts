import { connect } from 'node:net';
import { PREFIX, TOKEN } from './server.ts';

/* An HTTP client that sends any text, also malformed requests. */

export interface RawResponse {
  readonly status: number;
  /** By name in lower case. Only the last one of several with one name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Everything that the server sent. */
  readonly text: string;
}

/** Sends the text unchanged, and reads until the server closes the connection. */
export async function talk(port: number, text: string | Buffer, localAddress = '127.0.0.1'): Promise<RawResponse> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined); // the response is everything that was received before
  socket.write(text);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await new Promise((resolve) => socket.once('close', resolve));
  return parseResponse(Buffer.concat(chunks).toString('utf8'));
}

export function parseResponse(text: string): RawResponse {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]),
    headers: Object.fromEntries(headers),
    body: end === -1 ? '' : text.slice(end + 4),
    text,
  };
}

/** Returns the text of a request for one response. The given headers are added, or replace the usual ones. */
export function get(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): string {
  const all = { Host: 'localhost', Authorization: `Bearer ${TOKEN}`, Connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${PREFIX}${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
