import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificate } from './certificate.ts';
import { type Child, freePort, startListening } from './child.ts';
import { groupLdif, hasSpecialResult, type LabGroup, type LabPerson, ldifEntry, personLdif } from './person.ts';
import { run } from './run.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** An OpenLDAP server with a few people. */
export interface LabDirectory {
  readonly ldapUrl: string;
  readonly ldapsUrl: string;
  readonly baseDn: string;
  /** The CA file for its `ldaps://` URL; the certificate is for localhost and 127.0.0.1. */
  readonly caFile: string;
  readonly ca: string;
  /** An account that may always search. */
  readonly reader: { readonly dn: string; readonly password: string };
  /** Returns the log since the last start, one line per operation (slapd.conf(5), loglevel stats); '' without `isLogging`. */
  log(): string;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Stops the server and removes its files. */
  remove(): Promise<void>;
}

export interface LabDirectoryOptions {
  /** Whether anonymous clients may search too. True by default. */
  readonly isAnonymousAllowed?: boolean;
  readonly people?: readonly LabPerson[];
  readonly groups?: readonly LabGroup[];
  /** Whether the server logs its operations. False by default. */
  readonly isLogging?: boolean;
}

export const VALID_GID = '10000';

/** alice and jürgen may sign in; bob belongs to another group; two people share the name twin; ghost has no password, nogroup has no group. */
export const PEOPLE: readonly LabPerson[] = [
  { uid: 'alice', password: 'alice-secret', gidNumber: 10000 },
  { uid: 'bob', password: 'bob-secret', gidNumber: 20000 },
  { uid: 'jürgen', password: 'pä:s:wörd', gidNumber: 10000 },
  { uid: "o'brien(x)*", password: 'odd-secret', gidNumber: 10000 },
  { uid: 'twin', password: 'twin-secret', gidNumber: 10000 },
  { uid: 'twin', password: 'twin-secret', gidNumber: 10000, branch: 'others' },
  { uid: 'ghost', gidNumber: 10000 },
  { uid: 'nogroup', password: 'nogroup-secret' },
];

const BASE_DN = 'dc=lab,dc=example';
const READER = { dn: `cn=reader,${BASE_DN}`, password: 'reader-secret' };

export function startDirectory(options: LabDirectoryOptions = {}): Promise<LabDirectory> {
  return inNewDirectory('directory', (directory) => startDirectoryIn(directory, options));
}

async function startDirectoryIn(directory: string, options: LabDirectoryOptions): Promise<LabDirectory> {
  const { isAnonymousAllowed = true, people = PEOPLE, groups = [], isLogging = false } = options;
  const { certificateFile, keyFile, certificate } = await makeCertificate(directory, ['DNS:localhost', 'IP:127.0.0.1']);
  const database = join(directory, 'database');
  await mkdir(database);
  const configFile = join(directory, 'slapd.conf');
  const readers = isAnonymousAllowed ? '*' : 'users';
  const files = { certificateFile, keyFile, database, directory };
  await writeFile(
    configFile,
    slapdConfig(files, { readers, hasSpecialResults: people.some(hasSpecialResult), hasGroups: groups.length > 0 }),
  );
  const dataFile = join(directory, 'people.ldif');
  await writeFile(dataFile, ldif(people, groups));
  await run('/usr/sbin/slapadd', ['-f', configFile, '-l', dataFile]);
  const [plain, secure] = [await freePort(), await freePort()];
  const urls = { ldapUrl: `ldap://127.0.0.1:${plain}`, ldapsUrl: `ldaps://127.0.0.1:${secure}` };
  let child: Child | undefined;
  const lab: LabDirectory = {
    ...urls,
    baseDn: BASE_DN,
    caFile: certificateFile,
    ca: certificate,
    reader: READER,
    log: () => child?.output() ?? '',
    async start() {
      if (child !== undefined) return;
      // With -d, slapd stays in the foreground, as a child of this process.
      const parameters = ['-f', configFile, '-h', `${urls.ldapUrl} ${urls.ldapsUrl}`, '-d', isLogging ? 'stats' : '0'];
      child = await startListening('/usr/sbin/slapd', parameters, secure);
    },
    async stop() {
      await child?.stop();
      child = undefined;
    },
    async kill() {
      await child?.kill();
      child = undefined;
    },
    async remove() {
      await child?.stop();
      await removeDirectory(directory);
    },
  };
  await lab.start();
  return lab;
}

interface SlapdFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly database: string;
  readonly directory: string;
}

interface SlapdChoices {
  readonly readers: string;
  readonly hasSpecialResults: boolean;
  readonly hasGroups: boolean;
}

function slapdConfig(
  { certificateFile, keyFile, database, directory }: SlapdFiles,
  { readers, hasSpecialResults, hasGroups }: SlapdChoices,
): string {
  const schemas = ['core', 'cosine', 'inetorgperson', 'nis'].map((name) => `include /etc/ldap/schema/${name}.schema`);
  return [
    ...schemas,
    // As in Active Directory, a bind with a name and no password succeeds as an anonymous bind (RFC 4513, 5.1.2).
    'allow bind_anon_dn',
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    ...(hasSpecialResults ? ['moduleload retcode'] : []),
    ...(hasGroups ? ['moduleload memberof'] : []), // it defines the attribute memberOf
    `pidfile ${join(directory, 'slapd.pid')}`,
    `TLSCertificateFile ${certificateFile}`,
    `TLSCertificateKeyFile ${keyFile}`,
    'database mdb',
    'maxsize 16777216',
    `suffix "${BASE_DN}"`,
    `directory ${database}`,
    'access to attrs=userPassword by anonymous auth by * none',
    `access to * by ${readers} read by anonymous auth`,
    ...(hasSpecialResults ? RESULTS_BY_ENTRY : []),
    '',
  ].join('\n');
}

/** Returns the result codes that entries define (slapo-retcode(5)). Without its own parent, the overlay would apply to all entries. */
const RESULTS_BY_ENTRY = ['overlay retcode', `retcode-parent "ou=results,${BASE_DN}"`, 'retcode-indir'];

function ldif(people: readonly LabPerson[], groups: readonly LabGroup[]): string {
  const entries: Record<string, string>[] = [
    { dn: BASE_DN, objectClass: 'domain', dc: 'lab' },
    { dn: `ou=people,${BASE_DN}`, objectClass: 'organizationalUnit', ou: 'people' },
    { dn: `ou=others,${BASE_DN}`, objectClass: 'organizationalUnit', ou: 'others' },
    { dn: READER.dn, objectClass: 'organizationalRole', cn: 'reader' },
    { dn: `ou=groups,${BASE_DN}`, objectClass: 'organizationalUnit', ou: 'groups' },
  ];
  const texts = entries.map((entry) => ldifEntry(Object.entries(entry)));
  texts[3] += `objectClass: simpleSecurityObject\nuserPassword: ${READER.password}\n`;
  const groupTexts = groups.map((group) => groupLdif(group, BASE_DN));
  return [...texts, ...groupTexts, ...people.map((person, number) => personLdif(person, number, BASE_DN))].join('\n');
}
