import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { guardedRequest, guardedRequestOf } from './authentication.js';

describe('what guards know of a request', () => {
  const request = { headers: { authorization: 'Bearer one' } };
  const contextOf = (asked: object) => new ExecutionContextHost([asked, {}], class {}, () => undefined);

  it('is the same for every guard that sees it', () => {
    expect(guardedRequest(contextOf(request))).toBe(guardedRequest(contextOf(request)));
  });

  it('keeps no decision for another route that the same request comes to', () => {
    const asked = { headers: {} };
    const context = (handler: () => void) => new ExecutionContextHost([asked, {}], Object, handler);
    const first = () => undefined;
    guardedRequest(context(first)).decision = Promise.resolve({} as never);
    expect(guardedRequest(context(first)).decision).toBeDefined();
    expect(guardedRequest(context(() => undefined)).decision).toBeUndefined();
  });

  it.each([
    ['a copy of it', () => ({ ...request, headers: { authorization: 'Bearer another' } })],
    ['what it was assigned to', () => Object.assign({}, request)],
    ['a request whose prototype it is', () => Object.create(request)],
  ])('is not known of %s', (_, made) => {
    guardedRequest(contextOf(request));
    expect(guardedRequestOf(made())).toBeUndefined();
  });
});
