import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Job, jobOf, sendFailure } from '../work/bounded-work.ts';
import { type Body, type Content, isNoneMatch } from './body.ts';
import { chosenContentCoding } from './content-coding.ts';

export const HAL = 'application/hal+json';

export interface SendOptions {
  readonly type?: string;
  /** Called with a body that is streamed. */
  readonly noteStream?: (stream: Readable) => void;
  /** The work of this request, if some was done already. */
  readonly job?: Job;
}

/** Sends a body in the coding that the client prefers; or 304 if the client has it. */
export function sendBody(
  request: FastifyRequest,
  reply: FastifyReply,
  body: Body,
  { type = HAL, noteStream, job = jobOf(request, reply) }: SendOptions = {},
): FastifyReply {
  const { 'accept-encoding': acceptEncoding, 'if-none-match': ifNoneMatch } = request.headers;
  const coding = body.isShort ? undefined : chosenContentCoding(acceptEncoding);
  // An ETag names bytes, so each coding has its own.
  const etag = coding === undefined ? `"${body.etag}"` : `"${body.etag}-${coding}"`;
  void reply.headers({ etag, vary: varyOf(reply), 'cache-control': 'private, no-cache' });
  if (isNoneMatch(ifNoneMatch, etag)) return reply.code(304).send();
  const send = (content: Content): void => {
    void reply.headers({ 'content-type': type, ...(coding !== undefined && { 'content-encoding': coding }) });
    sendContent(request, reply, content, noteStream);
  };
  const content = body.content(coding, job);
  if (!(content instanceof Promise)) send(content);
  else content.then(send).catch((error: unknown) => sendFailure(reply, error));
  return reply;
}

/** Returns the Vary header: what CORS has put there, and what a body depends on. */
export function varyOf(reply: FastifyReply): string {
  const ours = 'Accept, Accept-Encoding, Authorization';
  return [reply.getHeader('vary'), ours].flatMap((value) => value ?? []).join(', ');
}

function sendContent(
  { method, raw }: FastifyRequest,
  reply: FastifyReply,
  content: Content,
  noteStream: SendOptions['noteStream'],
): void {
  const payload = wholeIfPossible(content, raw.socket);
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) {
    void reply.serializer(unchanged).send(payload);
    return;
  }
  if (payload.length !== undefined) void reply.header('content-length', payload.length);
  // For a HEAD request, Fastify would generate the whole body and discard it.
  const stream = method === 'HEAD' ? Readable.from([]) : payload.open();
  noteStream?.(stream);
  void reply.send(stream);
}

/** A TLS socket would copy a whole body, so there a long body is written in parts. */
function wholeIfPossible(content: Content, socket: Socket): Content {
  if (typeof content === 'string' || Buffer.isBuffer(content) || socket instanceof TLSSocket) return content;
  return content.whole ?? content;
}

/** With a serializer, Fastify adds no charset to the media type. JSON has none (RFC 8259, 11). */
function unchanged(text: unknown): string {
  return String(text);
}
