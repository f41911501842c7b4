import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { Mailer } from '../mail/mailer.js';
import { MailServer } from '../testing/mail-server.js';
import { readIdentityConfig } from './config.js';

const read = (variables: Record<string, string>) =>
  readIdentityConfig({ DATABASE_URL: 'postgres://x', NATS_URL: 'nats://x', ...variables }).mail;

describe('SMTP_URL and MAIL_FROM', () => {
  it('are both there or neither', () => {
    expect(read({})).toBeNull();
    expect(read({ SMTP_URL: 'smtp://mail.example.org:587', MAIL_FROM: 'a@example.org' })).toEqual({
      smtpUrl: 'smtp://mail.example.org:587',
      from: { name: '', address: 'a@example.org' },
      serverName: 'default',
    });
    expect(() => read({ SMTP_URL: 'smtp://mail.example.org' })).toThrow(/^MAIL_FROM is not set/);
    expect(() => read({ MAIL_FROM: 'a@example.org' })).toThrow(/^SMTP_URL is not set/);
  });

  it('the sender may have a name', () => {
    expect(read({ SMTP_URL: 'smtps://m', MAIL_FROM: 'Tokens, etc. <a@example.org>' })?.from).toEqual({
      name: 'Tokens, etc.',
      address: 'a@example.org',
    });
  });

  it.each(['http://mail.example.org', 'mail.example.org:25', 'smtp://', 'smtp:mail'])(
    'SMTP_URL %j stops the start, and is not repeated: it may hold a password',
    (SMTP_URL) => {
      expect(() => read({ SMTP_URL, MAIL_FROM: 'a@example.org' })).toThrow(/^SMTP_URL is wrong: (must be smtp|has no)/);
    },
  );

  it.each(['nobody', 'a@example.org, b@example.org', 'A <a@example.org', 'A\r\nBcc: b@c.org <a@example.org>', '<>'])(
    'MAIL_FROM %j stops the start',
    (MAIL_FROM) => {
      expect(() => read({ SMTP_URL: 'smtp://m', MAIL_FROM })).toThrow(/^MAIL_FROM is wrong: must be an address/);
    },
  );
});

describe('sending', () => {
  const mail = { subject: 's', text: 't' };
  const mailerOf = (smtpUrl: string) =>
    new Mailer({ smtpUrl, from: { name: '', address: 'tokens@example.org' }, serverName: 'here' });

  it('fails, to be tried again, when a login is refused: that can be put right', async () => {
    const server = await MailServer.start({
      onAuth: (_auth, _session, done) => done(null, {}),
      allowInsecureAuth: true,
    });
    const mailer = mailerOf(server.url.replace('smtp://', 'smtp://who:wrong@'));
    await expect(mailer.send('1', 'a@example.org', mail, new Date())).rejects.toMatchObject({ code: 'EAUTH' });
    await server.stop();
  });

  it('fails, to be tried again, when the sender is refused', async () => {
    const refuse = Object.assign(new Error('no'), { responseCode: 550 });
    const server = await MailServer.start({ onMailFrom: (_address, _session, done) => done(refuse) });
    await expect(mailerOf(server.url).send('1', 'a@example.org', mail, new Date())).rejects.toMatchObject({
      responseCode: 550,
    });
    await server.stop();
  });

  it('is refused for good when the server does not want the text', async () => {
    const refuse = Object.assign(new Error('no'), { responseCode: 554 });
    const server = await MailServer.start({
      onData: (stream, _session, done) => void stream.resume().on('end', () => done(refuse)),
    });
    expect(await mailerOf(server.url).send('1', 'a@example.org', mail, new Date())).toBe('refused');
    await server.stop();
  });

  it('shows no password to a server that is elsewhere and does not speak TLS', async () => {
    let heard = '';
    const server = createServer((socket) => {
      socket.write('220 mail.example.org ESMTP\r\n');
      socket
        .on('error', () => undefined)
        .on('data', (data) => {
          heard += data;
          socket.write(String(data).startsWith('EHLO') ? '250-mail.example.org\r\n250 AUTH PLAIN\r\n' : '502 no\r\n');
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // A name of this machine that is not known for one.
    const mailer = mailerOf(`smtp://who:secret@127.0.0.2:${(server.address() as AddressInfo).port}`);
    await expect(mailer.send('1', 'a@example.org', mail, new Date())).rejects.toThrow();
    server.close();
    expect(heard).not.toMatch(/AUTH/);
  });
});
