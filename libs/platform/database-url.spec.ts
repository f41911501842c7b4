import { databaseConnection } from './database-url.js';

const SECRET = 'not-to-be-shown';
const of = (rest: string) => databaseConnection(`postgres://ada:${SECRET}@${rest}`);

describe('a database’s URL', () => {
  it.each([
    ['[::1]:5433/db', { host: '::1', port: 5433, database: 'db' }],
    ['[::1]/db', { host: '::1', port: 5432 }],
    ['db.example/db', { host: 'db.example', port: 5432, user: 'ada', password: SECRET, ssl: false }],
    ['%2Fvar%2Frun%2Fpostgresql/db', { host: '/var/run/postgresql' }],
    ['/db?host=/var/run/postgresql&port=5555', { host: '/var/run/postgresql', port: 5555 }],
    ['h/db%20one', { database: 'db one' }],
    ['h/db?user=grace&password=p%26w&dbname=other', { user: 'grace', password: 'p&w', database: 'other' }],
    ['h', { database: 'ada' }],
    ['h/db?connect_timeout=3', { connectionTimeoutMillis: 3000 }],
    ['h/db?keepalives=0', { keepAlive: false }],
    ['h/db?keepalives_idle=7', { keepAliveInitialDelayMillis: 7000 }],
    ['h/db?sslmode=disable', { ssl: false }],
    ['h/db?ssl=false', { ssl: false }],
    ['h/db?sslmode=require', { ssl: expect.objectContaining({ rejectUnauthorized: false }) }],
    ['h/db?ssl=true', { ssl: expect.objectContaining({ rejectUnauthorized: false }) }],
    ['h/db?sslmode=verify-ca', { ssl: expect.objectContaining({ rejectUnauthorized: true }) }],
    ['h/db?sslmode=verify-full', { ssl: expect.objectContaining({ rejectUnauthorized: true }) }],
    ['h/db?sslrootcert=system', { ssl: expect.objectContaining({ rejectUnauthorized: true }) }],
    [
      'h/db?sslmode=require&ssl_min_protocol_version=TLSv1.3',
      { ssl: expect.objectContaining({ minVersion: 'TLSv1.3' }) },
    ],
    ['h/db?options=-c%20geqo%3Doff', { options: expect.stringMatching(/^-c geqo=off -c search_path=/) }],
    ['h/db?client_encoding=UTF8&gssencmode=disable&target_session_attrs=any&channel_binding=prefer', { host: 'h' }],
  ])('%s is done', (rest, expected) => {
    expect(of(rest)).toMatchObject(expected);
  });

  it.each([
    ['h/db?sslmode=prefer', 'sslmode=prefer'],
    ['h/db?sslmode=allow', 'sslmode=allow'],
    ['h/db?sslmode=no-verify', 'sslmode'],
    ['h/db?sslmode=disable&ssl=true', 'sslmode=disable'],
    ['h/db?sslrootcert=/ca.pem', 'sslrootcert'],
    ['h/db?sslcert=/c.pem&sslkey=/k.pem', 'sslcert, sslkey'],
    ['h/db?sslmode=disable&sslrootcert=system', 'sslrootcert'],
    ['h/db?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem', 'sslrootcert: /nowhere/ca.pem cannot be read (ENOENT)'],
    ['h/db?sslmode=verify-full&sslcert=/c.pem', 'sslcert and sslkey'],
    ['/db?host=/run&sslmode=require', 'socket'],
    ['h/db?sslmode=require&ssl_min_protocol_version=SSLv3', 'ssl_min_protocol_version'],
    ['h/db?target_session_attrs=read-write', 'target_session_attrs=read-write'],
    ['h/db?channel_binding=require', 'channel_binding=require'],
    ['h/db?client_encoding=LATIN1', 'client_encoding=LATIN1'],
    ['h/db?gssencmode=require', 'gssencmode=require'],
    ['h/db?load_balance_hosts=random', 'load_balance_hosts=random'],
    ['h/db?sslnegotiation=direct', 'sslnegotiation=direct'],
    ['h/db?application_name=mine', 'application_name'],
    ['h/db?passfile=/x', 'passfile'],
    ['h/db?service=x', 'service'],
    ['h/db?replication=database', 'replication'],
    ['h/db?schema=public', 'schema'],
    ['h/db?connection_limit=5', 'connection_limit'],
    ['h/db?connect_timeout=soon', 'connect_timeout'],
    ['one,two/db', 'several hosts'],
    ['one:1,two:2/db', 'several hosts'],
    ['/db?host=one,two', 'several hosts'],
    ['h/db?port=1,2', 'port'],
    ['h:0/db', 'port'],
    ['h/db#x', '#'],
    ['h/db%zz', 'database'],
    ['h:99999/db', 'URL'],
    ...[
      'role',
      'ROLE',
      'search_path',
      'DateStyle',
      'timezone',
      'statement_timeout',
      'default_transaction_isolation',
    ].map((name) => [`h/db?options=-c%20${name}%3Dx`, 'options sets']),
    ['h/db?options=-csearch_path%3Dx', 'options sets search_path'],
    ['h/db?options=--search-path%3Dx', 'options sets search_path'],
    ['h/db?options=-c%20geqo%3Doff%20-c%20role%3Dx', 'options sets role'],
  ])('%s is refused by name, without what is secret', (rest, named) => {
    expect(() => of(rest)).toThrow(
      expect.objectContaining({ name: 'ConfigError', message: expect.stringContaining(`DATABASE_URL is wrong: `) }),
    );
    expect(() => of(rest)).toThrow(named);
    expect(() => of(rest)).not.toThrow(SECRET);
  });

  it('of another kind is refused', () => {
    for (const url of ['mysql://h/db', 'h/db', '']) expect(() => databaseConnection(url)).toThrow('DATABASE_URL');
  });
});
