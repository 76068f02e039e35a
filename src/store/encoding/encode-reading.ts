import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { type Digest, parseDigest, parseTagName, type TagName } from '../../domain/names.ts';
import type { ReferrersReading, RepositoryReading, TagReading } from '../../domain/snapshot/repository-record.ts';
import type { Gap } from '../../domain/snapshot/snapshot.ts';
import { decodeUtf8, parseJson } from '../../lib/parse-json.ts';
import { createYielder } from '../../lib/yielding.ts';

/* A reading as JSON, a value a line, so that a repository of 100,000 tags can be written and read bit by bit:
 *
 *   {"tags":[["1.0","sha256:…"],["2.0",null,{"repository":"group/app","reference":"2.0","code":"missing","reason":"…"}]]}
 *   {"illegalTags":["no tag"]}
 *   {"referrers":[["sha256:…",[{"mediaType":"…","digest":"sha256:…","sizeBytes":5}]],["sha256:…",null]]} */

const digest = z.custom<Digest>((value) => typeof value === 'string' && parseDigest(value) !== undefined);
const tagName = z.custom<TagName>((value) => typeof value === 'string' && parseTagName(value) !== undefined);
const reference = z.union([tagName, digest]);
const gap = z.object({
  repository: z.string(),
  reference: reference.exactOptional(),
  code: z.enum(['forbidden', 'missing', 'unsupported', 'unreadable']),
  reason: z.string(),
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
  .transform(({ sizeBytes, ...others }) => ({ ...others, sizeBytes }));
const line = z.object({
  tags: z.array(z.union([z.tuple([tagName, digest]), z.tuple([tagName, z.null(), gap])])).default([]),
  illegalTags: z.array(z.string()).default([]),
  referrers: z.array(z.tuple([digest, z.array(descriptor).nullable()])).default([]),
});

const ITEMS_A_LINE = 1000;
const LINES_AT_ONCE = 10;

export async function encodeReading({ tags, illegalTags, referrers }: RepositoryReading): Promise<Uint8Array> {
  const lines: string[] = [];
  const yieldNow = createYielder(LINES_AT_ONCE);
  const values = [...valuesOf('tags', tags.map(fromTag)), ...valuesOf('illegalTags', illegalTags)];
  for (const value of [...values, ...valuesOf('referrers', referrers.map(fromReferrers))]) {
    lines.push(JSON.stringify(value));
    await yieldNow();
  }
  return Buffer.from(lines.join('\n'));
}

/** Undefined where it is none. */
export async function decodeReading(readAt: number, bytes: Uint8Array): Promise<RepositoryReading | undefined> {
  const tags: TagReading[] = [];
  const illegalTags: string[] = [];
  const referrers: ReferrersReading[] = [];
  const yieldNow = createYielder(LINES_AT_ONCE);
  for (const text of bytes.length === 0 ? [] : decodeUtf8(bytes).split('\n')) {
    const read = line.safeParse(parseJson(text)).data;
    if (read === undefined) return undefined;
    for (const tag of read.tags) tags.push(toTag(tag));
    illegalTags.push(...read.illegalTags);
    referrers.push(...read.referrers.map(([subject, found]) => ({ subject, referrers: found })));
    await yieldNow();
  }
  return { readAt, tags, illegalTags, referrers };
}

export function encodeGap(value: Gap): string {
  return JSON.stringify(value);
}

/** Undefined where it is none. */
export function decodeGap(text: string): Gap | undefined {
  return gap.safeParse(parseJson(text)).data;
}

function valuesOf(name: string, items: readonly unknown[]): readonly unknown[] {
  const values: unknown[] = [];
  for (let at = 0; at < items.length; at += ITEMS_A_LINE) values.push({ [name]: items.slice(at, at + ITEMS_A_LINE) });
  return values;
}

function fromTag(tag: TagReading): unknown {
  return tag.digest === undefined ? [tag.name, null, tag.gap] : [tag.name, tag.digest];
}

function toTag([name, found, why]: readonly [TagName, Digest] | readonly [TagName, null, Gap]): TagReading {
  return found === null ? { name, digest: undefined, gap: why as Gap } : { name, digest: found };
}

function fromReferrers({ subject, referrers }: ReferrersReading): unknown {
  return [subject, referrers];
}
