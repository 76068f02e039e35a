/* Comma-separated values (RFC 4180), for spreadsheets and for programs.
 *
 *   unknown, and none of several          an empty field
 *   several in one field                  separated by a space
 *   a text that a spreadsheet would       behind an apostrophe, which makes it a text there: media types, platforms and the names in gaps
 *   take for a formula                    are written by whoever pushes */

/** The first line. */
export function csvHeader(columns: readonly string[]): string {
  return `${columns.map(field).join(',')}\r\n`;
}

/** One line: what a member says, by column. */
export function csvLine(columns: readonly string[], member: Readonly<Record<string, unknown>>): string {
  let line = '';
  for (const [i, column] of columns.entries()) line += (i === 0 ? '' : ',') + field(member[column]);
  return `${line}\r\n`;
}

const FORMULA = /^[=+\-@\t\r]/;
const QUOTED = /[",\r\n]/;

function field(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = Array.isArray(value) ? value.join(' ') : String(value);
  const plain = FORMULA.test(text) ? `'${text}` : text;
  return QUOTED.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
