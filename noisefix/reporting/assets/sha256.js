// SHA-256 in plain JavaScript: a page opened from a file has no crypto.subtle everywhere.

const hex = (values) => Array.from(values, (v) => v.toString(16).padStart(2, "0")).join("");

// FIPS 180-4
const ROUND = (() => {
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const part = (x) => ((x - Math.floor(x)) * 2 ** 32) >>> 0;
  return { k: primes.map((p) => part(Math.cbrt(p))), h: primes.slice(0, 8).map((p) => part(Math.sqrt(p))) };
})();
function sha256(message) {
  const size = message.length,
    data = new Uint8Array((((size + 8) >> 6) + 1) << 6),
    view = new DataView(data.buffer);
  data.set(message);
  data[size] = 0x80;
  view.setUint32(data.length - 8, Math.floor(size / 2 ** 29));
  view.setUint32(data.length - 4, (size << 3) >>> 0);
  const h = Uint32Array.from(ROUND.h),
    w = new Uint32Array(64),
    turn = (x, n) => (x >>> n) | (x << (32 - n));
  for (let at = 0; at < data.length; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15],
        b = w[i - 2];
      w[i] =
        w[i - 16] +
        (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) +
        w[i - 7] +
        (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
    }
    const s = Array.from(h);
    for (let i = 0; i < 64; i++) {
      const [a, b, c, , e, f, g] = s;
      const one =
        (s[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUND.k[i] + w[i]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      s.pop();
      s.unshift((one + two) | 0);
      s[4] = (s[4] + one) | 0;
    }
    for (let i = 0; i < 8; i++) h[i] += s[i];
  }
  return hex([...h].flatMap((v) => [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255]));
}
