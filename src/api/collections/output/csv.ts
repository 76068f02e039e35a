/* Comma-separated values (RFC 4180), for spreadsheets and programs.
 *
 *   null, or an empty list                an empty field
 *   a list of several values              the values, separated by spaces
 *   a text that a spreadsheet would       the text after an apostrophe, so that the spreadsheet does not run it. Anyone who can push an image
 *   read as a formula                     chooses its media types and platforms, and the names in gaps */

/** Returns the first line: the names of the columns. */
export function csvHeader(columns: readonly string[]): string {
  return `${columns.map(field).join(',')}\r\n`;
}

/** Returns the line of a member. */
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
