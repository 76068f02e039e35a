/** A person in the directory. */
export interface LabPerson {
  readonly uid: string;
  /** Without a password, this person cannot sign in. */
  readonly password?: string;
  readonly gidNumber?: number;
  readonly branch?: string;
  /** The name of a group in `LabDirectoryOptions.groups`, or of one that does not exist. */
  readonly memberOf?: string;
  /** The name in the distinguished name, instead of a number. Special characters in it are escaped (RFC 4514, 2.4). */
  readonly cn?: string;
  /** The LDAP result code of a bind as this person, for any password, and the delay before it in seconds. */
  readonly bind?: { readonly result?: number; readonly seconds?: number };
}

/** Returns whether the directory must answer with a special result or a delay for this person. */
export function hasSpecialResult({ bind }: LabPerson): boolean {
  return bind !== undefined;
}

export function personLdif(person: LabPerson, number: number, baseDn: string): string {
  const { uid, password, gidNumber, branch = 'people', bind, cn, memberOf } = person;
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
  if (memberOf !== undefined) pairs.push(memberOfPair(memberOf, baseDn));
  if (bind !== undefined) {
    pairs.push(['objectClass', 'errAuxObject'], ['errOp', 'bind']);
    pairs.push(['errCode', String(bind.result ?? 0)], ['errSleepTime', String(bind.seconds ?? 0)]);
  }
  return ldifEntry(pairs);
}

/** Returns an LDIF entry (RFC 2849). All values are in base 64, because some are not ASCII. */
export function ldifEntry(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, value]) => `${name}:: ${Buffer.from(value).toString('base64')}\n`).join('');
}

/** A group, which may be in another one. */
export interface LabGroup {
  readonly cn: string;
  readonly memberOf?: string;
}

export function groupLdif({ cn, memberOf }: LabGroup, baseDn: string): string {
  const pairs: [string, string][] = [
    ['dn', `cn=${cn},ou=groups,${baseDn}`],
    ['objectClass', 'organizationalRole'],
    ['cn', cn],
  ];
  if (memberOf !== undefined) pairs.push(memberOfPair(memberOf, baseDn));
  return ldifEntry(pairs);
}

/** The attribute that the overlay memberof maintains. Here it is written directly, as an operational attribute. */
function memberOfPair(group: string, baseDn: string): [string, string] {
  return ['memberOf', `cn=${group},ou=groups,${baseDn}`];
}
