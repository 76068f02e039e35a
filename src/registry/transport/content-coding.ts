import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib';

/* Content codings (RFC 9110, 8.4.1). The client asks for none, but some servers and proxies compress nevertheless. */

type Decoder = (body: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

const unzip: Decoder = promisify(gunzip);
const DECODERS: ReadonlyMap<string, readonly Decoder[]> = new Map([
  ['gzip', [unzip]],
  ['x-gzip', [unzip]],
  // Some servers omit the zlib header (RFC 9110, 8.4.1.2).
  ['deflate', [promisify(inflate), promisify(inflateRaw)]],
  ['br', [promisify(brotliDecompress)]],
  ['zstd', [promisify(zstdDecompress)]],
]);
/** A second proxy may compress what the first one has compressed. */
const MOST_CODINGS = 3;

/**
 * Returns the body without its content codings; undefined if it is longer than `mostBytes`. A body that does not have the coding that the header
 * names, or one that is not known here, is returned as it is.
 */
export async function decodeBody(
  body: Buffer,
  contentEncoding: string,
  mostBytes: number,
): Promise<Buffer | undefined> {
  const codings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > MOST_CODINGS) return body;
  let decoded = body;
  for (const coding of codings.reverse()) {
    const decoders = DECODERS.get(coding);
    if (decoders === undefined || decoded.length === 0) return decoded;
    const next = await decodeWith(decoders, decoded, mostBytes);
    if (next === undefined) return undefined;
    decoded = next;
  }
  return decoded;
}

async function decodeWith(decoders: readonly Decoder[], body: Buffer, mostBytes: number): Promise<Buffer | undefined> {
  for (const decode of decoders) {
    try {
      return await decode(body, { maxOutputLength: mostBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    }
  }
  return body;
}
