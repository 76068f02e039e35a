/** Parses CSV as in RFC 4180. Throws for other line breaks, records of unequal length, and quotes in an unquoted field. */
export function parseCsv(text: string): readonly (readonly string[])[] {
  const records: string[][] = [];
  let record: string[] = [];
  let at = 0;
  while (at < text.length) {
    const quoted = /"((?:[^"]|"")*)"/y;
    const plain = /[^",\r\n]*/y;
    const field = text[at] === '"' ? quoted : plain;
    field.lastIndex = at;
    const match = field.exec(text);
    if (match === null) throw new Error(`no field at ${at}`);
    record.push(match[1]?.replaceAll('""', '"') ?? match[0]);
    at = field.lastIndex;
    if (text[at] === ',') {
      at++;
      continue;
    }
    if (text.slice(at, at + 2) !== '\r\n') throw new Error(`no end of a field or a line at ${at}`);
    at += 2;
    records.push(record);
    record = [];
  }
  if (record.length > 0) throw new Error('the last line has no end');
  if (new Set(records.map(({ length }) => length)).size > 1) throw new Error('records of unequal length');
  return records;
}
