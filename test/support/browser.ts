/** What of a browser a login needs: cookies by path, and redirects one at a time. Ports share cookies, as in browsers. */
export class Browser {
  private readonly cookies = new Map<string, { name: string; value: string; path: string }>();

  /** Requests an address and stays where a redirect is. */
  async open(url: URL, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const carried = [...this.cookies.values()].filter(({ path }) => isBelow(url.pathname, path));
    if (carried.length > 0) headers.set('cookie', carried.map(({ name, value }) => `${name}=${value}`).join('; '));
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.take(line);
    return response;
  }

  /** Requests an address that must redirect. @returns where to */
  async redirect(url: URL, init?: RequestInit): Promise<URL> {
    const response = await this.open(url, init);
    const location = response.headers.get('location');
    if (!location) throw new Error(`${url} did not redirect: ${response.status} ${await response.text()}`);
    return new URL(location, url);
  }

  /** The value of a cookie, or undefined. */
  cookie(name: string): string | undefined {
    return [...this.cookies.values()].find((cookie) => cookie.name === name)?.value;
  }

  /** What somebody at the browser may do: another value, or with `null` none. */
  setCookie(name: string, value: string | null): void {
    for (const [key, cookie] of this.cookies) {
      if (cookie.name !== name) continue;
      if (value === null) this.cookies.delete(key);
      else this.cookies.set(key, { ...cookie, value });
    }
  }

  private take(line: string): void {
    const [pair = '', ...attributes] = line.split(/; */);
    const [name = ''] = pair.split('=', 1);
    const value = pair.slice(name.length + 1);
    const of = (word: string) => attributes.find((text) => text.toLowerCase().startsWith(`${word}=`))?.split('=')[1];
    const path = of('path') ?? '/';
    const expires = of('expires');
    const isOver = of('max-age') === '0' || (expires !== undefined && Date.parse(expires) <= Date.now());
    if (isOver) this.cookies.delete(`${name} ${path}`);
    else this.cookies.set(`${name} ${path}`, { name, value, path });
  }
}

function isBelow(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
}
