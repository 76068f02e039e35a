import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Body, type Content, isNoneMatch } from './body-cache.ts';
import { chosenContentCoding } from './content-coding.ts';

export const HAL = 'application/hal+json';

export interface SendOptions {
  readonly type?: string;
  /** Hears of what is sent piece by piece, as it is read. */
  readonly noteStream?: (stream: Readable) => void;
}

/** Answers with a body, in the coding that the client likes best; or that it has it. */
export function sendBody(
  request: FastifyRequest,
  reply: FastifyReply,
  body: Body,
  { type = HAL, noteStream }: SendOptions = {},
): FastifyReply {
  const { 'accept-encoding': accepted, 'if-none-match': known } = request.headers;
  const coding = body.isShort ? undefined : chosenContentCoding(accepted);
  // Each coding has a validator of its own, since it has bytes of its own.
  const etag = coding === undefined ? `"${body.etag}"` : `"${body.etag}-${coding}"`;
  void reply.headers({ etag, vary: varyOf(reply), 'cache-control': 'private, no-cache' });
  if (isNoneMatch(known, etag)) return reply.code(304).send();
  const send = (content: Content): void => {
    void reply.headers({ 'content-type': type, ...(coding !== undefined && { 'content-encoding': coding }) });
    sendContent(request, reply, content, noteStream);
  };
  const content = body.content(coding);
  if (!(content instanceof Promise)) send(content);
  else content.then(send).catch((error: unknown) => reply.send(error));
  return reply;
}

/** What CORS says of it stays. */
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
  const sent = inOnePiece(content, raw.socket);
  if (typeof sent === 'string' || Buffer.isBuffer(sent)) {
    void reply.serializer(asIs).send(sent);
    return;
  }
  if (sent.length !== undefined) void reply.header('content-length', sent.length);
  // Who asks for the head alone would have all of it made, and thrown away.
  const stream = method === 'HEAD' ? Readable.from([]) : sent.open();
  noteStream?.(stream);
  void reply.send(stream);
}

/** Where that may be. */
function inOnePiece(content: Content, socket: Socket): Content {
  if (typeof content === 'string' || Buffer.isBuffer(content) || socket instanceof TLSSocket) return content;
  return content.whole ?? content;
}

/** Fastify names a charset for a text, which JSON has none of (RFC 8259, 11), unless it has been serialised otherwise. */
function asIs(text: unknown): string {
  return String(text);
}
