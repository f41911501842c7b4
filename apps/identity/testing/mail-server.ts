import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail as the server got it. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: string[];
  /** Header fields in their order, unfolded. */
  readonly headers: [name: string, value: string][];
  readonly text: string;
  readonly login: string | undefined;
}

/** A real SMTP server, and what it was sent. */
export class MailServer {
  readonly received: ReceivedMail[] = [];
  private server: SMTPServer | undefined;
  private port = 0;

  private constructor(private readonly options: SMTPServerOptions) {}

  static async start(options: SMTPServerOptions = {}): Promise<MailServer> {
    const server = new MailServer({ authOptional: true, hideSTARTTLS: true, disableReverseLookup: true, ...options });
    await server.resume();
    return server;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  /** Listens again, on the port that it had. */
  async resume(): Promise<void> {
    const server = new SMTPServer({
      onData: (stream, { envelope, user }, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const from = envelope.mailFrom ? envelope.mailFrom.address : '';
          const to = envelope.rcptTo.map(({ address }) => address);
          this.received.push({ from, to, ...parse(Buffer.concat(chunks).toString('utf8')), login: user as string });
          done();
        });
      },
      ...this.options,
    });
    server.on('error', () => undefined);
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.server?.close(() => resolve()));
  }
}

function parse(raw: string): Pick<ReceivedMail, 'headers' | 'text'> {
  const at = raw.indexOf('\r\n\r\n');
  const headers = raw
    .slice(0, at)
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
  const encoding = headers.find(([name]) => name === 'Content-Transfer-Encoding')?.[1];
  return { headers, text: decode(raw.slice(at + 4), encoding) };
}

function decode(body: string, encoding: string | undefined): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding !== 'quoted-printable') return body;
  const bytes = body
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
