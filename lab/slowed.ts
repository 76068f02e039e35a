import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Served, serve } from './serve.ts';

/** The web server at that URL once more, where every answer takes so much longer. Where it does not answer, neither does this. */
export function slowed(url: string, delayMs: number): Promise<Served> {
  return serve((inside, answer) => {
    const { method, headers, url: path = '' } = inside;
    const outside = request(new URL(path, url), { method, headers, agent: false }, (response) => {
      answer.writeHead(response.statusCode ?? 0, response.rawHeaders);
      response.on('error', () => answer.destroy());
      response.pipe(answer);
    });
    outside.on('error', () => answer.destroy());
    answer.on('close', () => outside.destroy());
    void sleep(delayMs).then(() => inside.pipe(outside));
  });
}
