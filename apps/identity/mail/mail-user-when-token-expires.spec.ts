import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { CommandBus } from '@nestjs/cqrs';
import { TOKENS_STREAM } from '@tokenlog/contracts/tokens/token-events.js';
import { type TokenExpiring, tokenExpiring } from '@tokenlog/contracts/tokens/token-expiring.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { v7 } from 'uuid';
import { eventually } from '../../../test/support/eventually.js';
import { ADMIN_PASSWORD, IdentityUnderTest } from '../testing/identity-under-test.js';
import { MailServer } from '../testing/mail-server.js';
import { MailUserWhenTokenExpires } from './mail-user-when-token-expires.js';

const DAY_MS = 86_400_000;

describe('S41 a warning before expiry by mail', () => {
  let mails: MailServer;
  let identity: IdentityUnderTest;
  /** What the mail server says to a recipient; default: welcome. */
  let answerTo: (address: string) => (Error & { responseCode: number }) | null = () => null;

  beforeAll(async () => {
    mails = await MailServer.start({
      onRcptTo: ({ address }, _, done) => done(answerTo(address)),
      onAuth: ({ username, password }, _, done) =>
        done(null, username === 'tokenlog' && password === 'p@ss' ? { user: username } : {}),
      allowInsecureAuth: true,
    });
    identity = await IdentityUnderTest.start({
      SMTP_URL: mails.url.replace('smtp://', 'smtp://tokenlog:p%40ss@'),
      MAIL_FROM: 'Tokenlog <tokens@example.org>',
      SERVER_NAME: 'the test server',
    });
    await makeStream();
  });
  afterAll(async () => {
    await identity?.stop();
    await mails?.stop();
  });
  beforeEach(() => {
    mails.received.length = 0;
    answerTo = () => null;
  });

  async function makeStream() {
    const { streams } = await jetstreamManager(identity.tokensNats, { checkAPI: false });
    await streams.add({ name: TOKENS_STREAM, subjects: [tokenExpiring.subject] });
  }
  const person = (email: string | null, more: object = {}) => identity.register(`user-${v7()}`, { email, ...more });
  const warningOf = (user: { id: string; username: string }, more: Partial<TokenExpiring> = {}): TokenExpiring => ({
    ...tokenExpiring.example,
    id: v7(),
    tokenId: v7(),
    userId: user.id,
    username: user.username,
    expiresAt: new Date(Date.now() + 7 * DAY_MS).toISOString(),
    ...more,
  });
  const publish = async (event: object) => {
    await jetstream(identity.tokensNats).publish(tokenExpiring.subject, JSON.stringify(event));
  };
  /** The consumer, as identity itself may look at it. */
  const consumer = async () => {
    const { consumers } = await jetstreamManager(identity.app.get<NatsConnection>(NATS), { checkAPI: false });
    return consumers.info(TOKENS_STREAM, 'identity-mail');
  };
  /** Resolves when everything that was published has been dealt with. */
  const settled = () =>
    eventually(async () => {
      const { num_pending, num_ack_pending } = await consumer();
      expect([num_pending, num_ack_pending]).toEqual([0, 0]);
    });
  const execute = (event: TokenExpiring, now = new Date()) =>
    identity.app.get(CommandBus).execute(new MailUserWhenTokenExpires(event, now));

  it('says which token ends, when, and how to refresh it, and nothing secret', async () => {
    const user = await person('ada@example.org', { displayName: 'Ada Lovelace' });
    const event = warningOf(user, { description: 'nightly export', expiresAt: '2126-03-21T09:26:53.589Z' });
    await publish(event);
    await eventually(() => expect(mails.received).toHaveLength(1));
    const [mail] = mails.received;
    expect(mail).toMatchObject({ from: 'tokens@example.org', to: ['ada@example.org'], login: 'tokenlog' });
    expect(Object.fromEntries(mail!.headers)).toMatchObject({
      From: 'Tokenlog <tokens@example.org>',
      To: 'ada@example.org',
      Subject: 'Access token ends on 2126-03-21: nightly export',
      'Message-ID': `<${event.id}@example.org>`,
      'Auto-Submitted': 'auto-generated',
      'Content-Type': expect.stringMatching(/^text\/plain; charset=utf-8/),
    });
    for (const part of [
      'Hello Ada Lovelace',
      'the test server',
      'nightly export',
      event.tokenId,
      '2126-03-21 09:26 UTC',
    ]) {
      expect(mail!.text).toContain(part);
    }
    expect(mail!.text).toContain(`tokenlog tokens refresh ${event.tokenId}`);
    expect(mail!.text).not.toMatch(/tkl_|tks_/);
  });

  it('comes once, however often its event does: redelivered, or from a stream that was filled again', async () => {
    const event = warningOf(await person('twice@example.org'));
    await publish(event);
    await publish(event);
    await settled();
    expect(mails.received).toHaveLength(1);

    const { streams } = await jetstreamManager(identity.tokensNats, { checkAPI: false });
    await streams.delete(TOKENS_STREAM);
    await makeStream();
    const next = warningOf(await person('next@example.org'));
    await publish(event);
    await publish(next);
    await eventually(() => expect(mails.received).toHaveLength(2));
    await settled();
    expect(mails.received.map(({ to }) => to)).toEqual([['twice@example.org'], ['next@example.org']]);
  });

  it('goes to nobody who has no address, is disabled or is deleted, and not after the end', async () => {
    const [silent, disabled, deleted] = [
      await person(null),
      await person('off@example.org'),
      await person('gone@example.org'),
    ];
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    await admin.patch(`/users/${disabled.id}`, { disabled: true }).expect(200);
    await admin.delete(`/users/${deleted.id}`).expect(204);
    for (const user of [silent, disabled, deleted]) expect(await execute(warningOf(user))).toBe('nobody');
    const ended = warningOf(await person('late@example.org'));
    const end = Date.parse(ended.expiresAt);
    expect(await execute(ended, new Date(end + 1))).toBe('expired');
    expect(mails.received).toEqual([]);
    expect(await execute(ended, new Date(end))).toBe('mailed');
    expect(await execute(ended, new Date(end))).toBe('mailed-before');
    expect(mails.received).toHaveLength(1);
  });

  it('waits while the mail server is away, and is lost neither then nor with what comes meanwhile', async () => {
    await mails.stop();
    const users = [await person('one@example.org'), await person('two@example.org')];
    for (const user of users) await publish(warningOf(user));
    await eventually(async () => expect((await consumer()).num_redelivered).toBeGreaterThan(0));
    expect(mails.received).toEqual([]);
    await mails.resume();
    await eventually(() => expect(mails.received).toHaveLength(2), { timeoutMs: 20_000 });
    expect(mails.received.map(({ to }) => to[0]).sort()).toEqual(['one@example.org', 'two@example.org']);
  });

  it('is tried again when the server says later, and given up, without keeping others back, when it says never', async () => {
    const said: string[] = [];
    answerTo = (address) => {
      said.push(address);
      const code = address.startsWith('never') ? 550 : said.filter((each) => each === address).length < 2 ? 450 : 0;
      return address.startsWith('fine') || code === 0 ? null : Object.assign(new Error('no'), { responseCode: code });
    };
    for (const name of ['never', 'later', 'fine']) await publish(warningOf(await person(`${name}@example.org`)));
    await eventually(() => expect(mails.received).toHaveLength(2));
    await settled();
    expect(mails.received.map(({ to }) => to[0])).toEqual(['fine@example.org', 'later@example.org']);
    expect(said.filter((address) => address.startsWith('never'))).toHaveLength(1);
  });

  it('is left out when it is not by the contract, and those behind it are not kept waiting', async () => {
    await publish({ type: 'token-expiring' });
    await jetstream(identity.tokensNats).publish(tokenExpiring.subject, 'nonsense');
    await publish(warningOf(await person('behind@example.org')));
    await eventually(() => expect(mails.received).toHaveLength(1));
    await settled();
  });

  it('S45 has no header and no recipient more, whatever the description and the names are', async () => {
    const evil = 'x\r\nBcc: eve@example.org\r\nSubject: other\r\n\r\nClick here\u2028\u202e';
    const user = await person('victim@example.org', { displayName: `Ada${evil}`.trim() });
    const plain = warningOf(await person('plain@example.org'));
    await execute(plain);
    await execute(warningOf(user, { description: evil, username: evil }));
    const [before, mail] = mails.received;
    expect(mail!.to).toEqual(['victim@example.org']);
    expect(mail!.headers.map(([name]) => name)).toEqual(before!.headers.map(([name]) => name));
    expect(mail!.headers.find(([name]) => name === 'To')).toEqual(['To', 'victim@example.org']);
    expect(mail!.text.split(/\r?\n/)).toHaveLength(before!.text.split(/\r?\n/).length);
    expect(mail!.text).not.toMatch(/[\u2028\u202e]/);
  });

  it('keeps no more than the ids of the events that were mailed', async () => {
    const { rows } = await identity.sql.query('SELECT * FROM identity.mailed_events LIMIT 1');
    expect(Object.keys(rows[0])).toEqual(['event_id', 'mailed_at']);
  });
});

it('S41 without SMTP_URL nothing is read and nothing is mailed', async () => {
  const identity = await IdentityUnderTest.start();
  const { streams } = await jetstreamManager(identity.tokensNats, { checkAPI: false });
  await streams.add({ name: TOKENS_STREAM, subjects: [tokenExpiring.subject] });
  const { consumers } = await jetstreamManager(identity.app.get<NatsConnection>(NATS), { checkAPI: false });
  await expect(consumers.info(TOKENS_STREAM, 'identity-mail')).rejects.toThrow('consumer not found');
  await identity.stop();
});
