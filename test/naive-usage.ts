/** The slow, obvious twin of `attribute`: sets and nested loops, straight from the definitions. */
export interface NaiveTag {
  readonly name: string;
  /** The distinct layers that the tag reaches, with their bytes. */
  readonly layers: ReadonlyMap<string, number>;
}

export function naiveUsage(tags: readonly NaiveTag[]): Map<string, { size: number; diskSize: number }> {
  const usage = new Map<string, { size: number; diskSize: number }>();
  for (const tag of tags) {
    let size = 0;
    let diskSize = 0;
    for (const [digest, bytes] of tag.layers) {
      size += bytes;
      const holders = tags.filter((other) => other.layers.has(digest));
      holders.sort((a, b) => a.layers.size - b.layers.size || (a.name < b.name ? -1 : 1));
      if (holders[0]?.name === tag.name) diskSize += bytes;
    }
    usage.set(tag.name, { size, diskSize });
  }
  return usage;
}
