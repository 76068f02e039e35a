import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { type Digest, parseDigest, parseTagName, type TagName } from '../../domain/names.ts';
import type { ReferrersRecord, RepositoryContent, TagRecord } from '../../domain/snapshot/repository-record.ts';
import type { Gap, TagTimes } from '../../domain/snapshot/snapshot.ts';
import { decodeUtf8, parseJson } from '../../lib/parse-json.ts';
import { createYielder } from '../../lib/yielding.ts';

/* The content of a repository as JSON, one value per line, so that a repository of 100,000 tags is encoded and decoded in steps:
 *
 *   {"tags":[["1.0","sha256:…"],["2.0",null,{"repository":"group/app","reference":"2.0","code":"missing","reason":"…"}]]}
 *   {"tagTimes":[["1.0",1714979289123,null,1714979289123]]}
 *   {"illegalTags":["no tag"]}
 *   {"cut":"…"}
 *   {"referrers":[["sha256:…",[{"mediaType":"…","digest":"sha256:…","sizeBytes":5}]],["sha256:…",null]]} */

const digest = z.custom<Digest>((value) => typeof value === 'string' && parseDigest(value) !== undefined);
const tagName = z.custom<TagName>((value) => typeof value === 'string' && parseTagName(value) !== undefined);
const reference = z.union([tagName, digest]);
const failedRequest = z.object({
  method: z.string(),
  path: z.string(),
  status: z.number().nullable(),
  registryCode: z.string().nullable(),
  registryMessage: z.string().nullable(),
});
const gap = z.object({
  repository: z.string().nullable(),
  reference: reference.exactOptional(),
  code: z.enum(['forbidden', 'missing', 'unsupported', 'unreadable', 'unverified']),
  reason: z.string(),
  request: failedRequest.exactOptional(),
  staleSince: z.number().exactOptional(),
});
const descriptor = z
  .object({
    mediaType: z.string(),
    digest,
    sizeBytes: z.number().optional(),
    platform: z.string().exactOptional(),
    isAttestation: z.literal(true).exactOptional(),
  })
  .transform(({ sizeBytes, ...rest }) => ({ ...rest, sizeBytes }));
const time = z
  .number()
  .nullable()
  .transform((at) => at ?? undefined);
const line = z.object({
  tags: z.array(z.union([z.tuple([tagName, digest]), z.tuple([tagName, z.null(), gap])])).default([]),
  tagTimes: z.array(z.tuple([tagName, time, time, time])).default([]),
  illegalTags: z.array(z.string()).default([]),
  cut: z.string().exactOptional(),
  referrers: z.array(z.tuple([digest, z.array(descriptor).nullable()])).default([]),
});

const ITEMS_PER_LINE = 1000;
const LINES_BETWEEN_YIELDS = 10;

export async function encodeContent({ tags, illegalTags, cut, referrers }: RepositoryContent): Promise<Uint8Array> {
  const lines: string[] = [];
  const yieldNow = createYielder(LINES_BETWEEN_YIELDS);
  const values = [
    ...valuesOf('tags', tags.map(fromTag)),
    ...valuesOf('tagTimes', tags.flatMap(fromTimes)),
    ...valuesOf('illegalTags', illegalTags),
    ...(cut === undefined ? [] : [{ cut }]),
    ...valuesOf('referrers', referrers.map(fromReferrers)),
  ];
  for (const value of values) {
    lines.push(JSON.stringify(value));
    await yieldNow();
  }
  return Buffer.from(lines.join('\n'));
}

/** Returns undefined if the bytes are not the content of a repository. */
export async function decodeContent(readAt: number, bytes: Uint8Array): Promise<RepositoryContent | undefined> {
  const tags: TagRecord[] = [];
  const times = new Map<TagName, TagTimes>();
  const illegalTags: string[] = [];
  let cut: string | undefined;
  const referrers: ReferrersRecord[] = [];
  const yieldNow = createYielder(LINES_BETWEEN_YIELDS);
  for (const text of bytes.length === 0 ? [] : decodeUtf8(bytes).split('\n')) {
    const decoded = line.safeParse(parseJson(text)).data;
    if (decoded === undefined) return undefined;
    for (const tag of decoded.tags) tags.push(toTag(tag));
    for (const [name, createdAt, updatedAt, publishedAt] of decoded.tagTimes)
      times.set(name, { createdAt, updatedAt, publishedAt });
    illegalTags.push(...decoded.illegalTags);
    cut = decoded.cut ?? cut;
    referrers.push(...decoded.referrers.map(([subject, found]) => ({ subject, referrers: found })));
    await yieldNow();
  }
  return { readAt, tags: withTimes(tags, times), illegalTags, ...(cut !== undefined && { cut }), referrers };
}

export function encodeGap(value: Gap): string {
  return JSON.stringify(value);
}

/** Returns undefined if the text is not a gap. */
export function decodeGap(text: string): Gap | undefined {
  return gap.safeParse(parseJson(text)).data;
}

function valuesOf(name: string, items: readonly unknown[]): readonly unknown[] {
  const values: unknown[] = [];
  for (let at = 0; at < items.length; at += ITEMS_PER_LINE)
    values.push({ [name]: items.slice(at, at + ITEMS_PER_LINE) });
  return values;
}

function fromTag(tag: TagRecord): unknown {
  return tag.digest === undefined ? [tag.name, null, tag.gap] : [tag.name, tag.digest];
}

function toTag([name, found, why]: readonly [TagName, Digest] | readonly [TagName, null, Gap]): TagRecord {
  return found === null ? { name, digest: undefined, gap: why as Gap } : { name, digest: found };
}

function fromTimes({ name, times }: TagRecord): readonly unknown[] {
  return times === undefined
    ? []
    : [[name, times.createdAt ?? null, times.updatedAt ?? null, times.publishedAt ?? null]];
}

function withTimes(tags: readonly TagRecord[], times: ReadonlyMap<TagName, TagTimes>): readonly TagRecord[] {
  if (times.size === 0) return tags;
  return tags.map((tag) => {
    const found = times.get(tag.name);
    return found === undefined ? tag : { ...tag, times: found };
  });
}

function fromReferrers({ subject, referrers }: ReferrersRecord): unknown {
  return [subject, referrers];
}
