import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/* A program: the bare limit of Node's HTTP server, in a process of its own like the service. It answers every request with the same bytes from memory.
 *
 *   node bare-server.ts PORT STATUS FILE-OF-THE-BODY */

const [, , port = '0', status = '200', file = ''] = process.argv;
const body = readFileSync(file);
const headers = { 'content-type': 'application/hal+json', 'content-length': body.length };
createServer((_, response) => {
  if (status === '304') response.writeHead(304).end();
  else response.writeHead(Number(status), headers).end(body);
}).listen(Number(port), '127.0.0.1');
