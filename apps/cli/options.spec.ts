import { hasSecret, isId, parse, refuseEmpty } from './options.js';

const ID = '01997c9e-2222-7222-8222-222222222222';

describe('arguments', () => {
  it.each([
    ID,
    ID.toUpperCase(),
    ID.replaceAll('-', ''),
    `tkl_${ID.replaceAll('-', '')}`,
    `tkl_${ID.replaceAll('-', '')}_`,
  ])('take the id %s', (text) => {
    expect(parse.id(text)).toBe(ID);
  });

  it.each(['', 'abc', `${ID}0`, '../users'])('take no %j for an id', (text) => {
    expect(() => parse.id(text)).toThrow('An id looks like');
  });

  it('tell ids from names', () => {
    expect([isId(ID), isId('ada')]).toEqual([true, false]);
  });

  it('find a credential among them, wherever it stands', () => {
    const secret = `tkl_${ID.replaceAll('-', '')}_${'a'.repeat(49)}`;
    expect(hasSecret(['tokens', 'show', secret])).toBe(true);
    expect(hasSecret([`--reason=it was ${secret}`])).toBe(true);
    expect(hasSecret(['tokens', 'show', secret.slice(0, 36), ID])).toBe(false);
  });

  it('collect words, given at once or one by one', () => {
    expect(parse.words('reports, rest', parse.words('rest', undefined))).toEqual(['rest', 'reports']);
  });

  it.each(['0', '-1', '1.5', 'ten', ''])('take no %j for a number', (text) => {
    expect(() => parse.count(text)).toThrow('a whole number');
  });

  it('S9 tell an expiry of never from none', () => {
    expect(parse.expiry('never')).toEqual({ expiresAt: null });
    expect(parse.expiry('2027-01-31')).toEqual({ expiresAt: '2027-01-31T23:59:59.999Z' });
    expect(() => parse.expiry('soon')).toThrow('Give 90d');
  });

  it('must name something to change', () => {
    expect(() => refuseEmpty({ a: undefined })).toThrow('Say what to change');
    refuseEmpty({ a: null });
  });
});
