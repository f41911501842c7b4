import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';

/** Where a certificate and its key stand. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority of a test's own, which signs certificates (X.509, RFC 5280) into files of a folder. */
export class TestAuthority {
  /** The file with its certificate. */
  readonly file: string;
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  private constructor(
    private readonly folder: string,
    private readonly name: string,
  ) {
    this.file = join(folder, `${name}.pem`);
  }

  static async make(folder: string, name = 'authority'): Promise<TestAuthority> {
    const authority = new TestAuthority(folder, name);
    const isAuthority = extension('2.5.29.19', sequence(der(0x01, Buffer.from([0xff]))), true);
    await writeFile(authority.file, authority.certificate(name, authority.keys.publicKey, [isAuthority]));
    return authority;
  }

  /** A certificate for names and IPv4 addresses, the first of them its subject. */
  async issue(...hosts: [string, ...string[]]): Promise<CertificateFiles> {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = hosts.map((host) =>
      isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
    );
    const base = join(this.folder, `${this.name}-${randomBytes(4).toString('hex')}`);
    const files = { cert: `${base}.pem`, key: `${base}.key` };
    await writeFile(files.cert, this.certificate(hosts[0], publicKey, [extension('2.5.29.17', sequence(...names))]));
    await writeFile(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    return files;
  }

  private certificate(subject: string, key: KeyObject, extensions: Buffer[]): string {
    const HOUR = 3_600_000;
    const body = sequence(
      der(0xa0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      ECDSA_WITH_SHA256,
      distinguished(this.name),
      sequence(time(Date.now() - HOUR), time(Date.now() + 24 * HOUR)),
      distinguished(subject),
      key.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', body, this.keys.privateKey);
    const bytes = sequence(body, ECDSA_WITH_SHA256, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
    const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

const ECDSA_WITH_SHA256 = sequence(objectId('1.2.840.10045.4.3.2'));

/** One value of the distinguished encoding rules (X.690). */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const base128 = (value: number): number[] => [
    ...(value >= 128 ? base128(Math.floor(value / 128)).map((byte) => byte | 0x80) : []),
    value % 128,
  ];
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function distinguished(name: string): Buffer {
  return sequence(der(0x31, sequence(objectId('2.5.4.3'), der(0x0c, Buffer.from(name)))));
}

function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(digits.slice(2)));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(objectId(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
}
