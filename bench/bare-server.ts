import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/* A program: a minimal HTTP server on Node, as a reference for the speed of the service. It sends the same bytes from memory for every request.
 *
 *   node bare-server.ts PORT STATUS FILE-OF-THE-BODY */

const [, , port = '0', status = '200', file = ''] = process.argv;
const body = readFileSync(file);
const headers = { 'content-type': 'application/hal+json', 'content-length': body.length };
createServer((_, response) => {
  if (status === '304') response.writeHead(304).end();
  else response.writeHead(Number(status), headers).end(body);
}).listen(Number(port), '127.0.0.1');
