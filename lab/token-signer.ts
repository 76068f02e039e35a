import { createHash, createPublicKey, randomUUID, X509Certificate } from 'node:crypto';
import { importPKCS8, SignJWT } from 'jose';
import type { Certificate } from './certificate.ts';

export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

export interface Claims {
  readonly access: readonly Access[];
  readonly user: string;
  readonly lifetimeSeconds: number;
}

export const SERVICE = 'container_registry';
export const ISSUER = 'lab-issuer';

/** Returns a function that signs tokens as GitLab does for its registry: RS256, with the key of the certificate that the registry trusts. */
export async function createSigner({ certificate, key }: Certificate): Promise<(claims: Claims) => Promise<string>> {
  const signingKey = await importPKCS8(key, 'RS256');
  const kid = keyId(certificate);
  return ({ access, user, lifetimeSeconds }) => {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ access, auth_type: 'personal_access_token' })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
      .setIssuer(ISSUER)
      .setAudience(SERVICE)
      .setSubject(user)
      .setIssuedAt(now)
      .setNotBefore(now - 5)
      .setExpirationTime(now + lifetimeSeconds)
      .setJti(randomUUID())
      .sign(signingKey);
  };
}

/** Returns libtrust's key id: the first 30 bytes of the SHA-256 of the public key in SPKI DER, in base 32, in groups of four. */
function keyId(certificate: string): string {
  const der = createPublicKey(new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'pem' }));
  const digest = createHash('sha256')
    .update(der.export({ type: 'spki', format: 'der' }))
    .digest();
  return (base32(digest.subarray(0, 30)).match(/.{4}/g) ?? []).join(':');
}

function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? [])
    .map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)])
    .join('');
}
