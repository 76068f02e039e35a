/** Someone in the directory. */
export interface LabPerson {
  readonly uid: string;
  /** Without one, nobody can sign in as this person. */
  readonly password?: string;
  readonly gidNumber?: number;
  readonly branch?: string;
  /** What its entry is named by instead of a number: then a distinguished name has to escape what is in it (RFC 4514, 2.4). */
  readonly cn?: string;
  /** What a bind as this person gets, whatever the password: an LDAP result code, after so many seconds. */
  readonly bind?: { readonly result?: number; readonly seconds?: number };
}

/** Whether the directory has to answer oddly for this person. */
export function isOdd({ bind }: LabPerson): boolean {
  return bind !== undefined;
}

export function personLdif(person: LabPerson, number: number, baseDn: string): string {
  const { uid, password, gidNumber, branch = 'people', bind, cn } = person;
  const name = cn === undefined ? `employeeNumber=${number}` : `cn=${cn.replaceAll(/[,+"\\<>;=#]/g, '\\$&')}`;
  const pairs: [string, string][] = [
    ['dn', `${name},ou=${branch},${baseDn}`],
    ['objectClass', 'inetOrgPerson'],
    ['employeeNumber', String(number)],
    ['uid', uid],
    ['cn', cn ?? uid],
    ['sn', uid],
  ];
  if (password !== undefined) pairs.push(['userPassword', password]);
  if (gidNumber !== undefined) {
    pairs.push(['objectClass', 'posixAccount'], ['gidNumber', String(gidNumber)]);
    pairs.push(['uidNumber', String(1000 + number)], ['homeDirectory', '/none']);
  }
  if (bind !== undefined) {
    pairs.push(['objectClass', 'errAuxObject'], ['errOp', 'bind']);
    pairs.push(['errCode', String(bind.result ?? 0)], ['errSleepTime', String(bind.seconds ?? 0)]);
  }
  return ldifEntry(pairs);
}

/** LDIF (RFC 2849): every value in base 64, since some are not ASCII. */
export function ldifEntry(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, value]) => `${name}:: ${Buffer.from(value).toString('base64')}\n`).join('');
}
