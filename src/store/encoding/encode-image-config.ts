import { z } from 'zod';
import type { ImageConfig } from '../../domain/manifest/image-config.ts';
import { parseJson } from '../../lib/parse-json.ts';

const stored = z.tuple([z.number().nullable(), z.string().nullable()]);

export function encodeImageConfig({ createdAt, platform }: ImageConfig): string {
  return JSON.stringify([createdAt ?? null, platform ?? null]);
}

/** Returns undefined if the text is not an encoded config. A crawl then reads the config again. */
export function decodeImageConfig(text: string): ImageConfig | undefined {
  const [createdAt, platform] = stored.safeParse(parseJson(text)).data ?? [];
  if (createdAt === undefined || platform === undefined) return undefined;
  return { createdAt: createdAt ?? undefined, platform: platform ?? undefined };
}
