// @ts-check
/** Formats times and numbers in the language and timezone of the house, wherever the browser is. */

export class Calendar {
  /** A locale or timezone that the browser does not know is replaced by the browser's own. */
  constructor(locale, timezone) {
    this.locale = isKnown(() => new Intl.DateTimeFormat(locale)) ? locale : undefined;
    this.timezone = isKnown(() => new Intl.DateTimeFormat("en", { timeZone: timezone })) ? timezone : undefined;
    this.#clock = this.#format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.#minute = this.#format({ hour: "2-digit", minute: "2-digit" });
    this.#date = this.#format({ weekday: "long", day: "numeric", month: "long" });
    this.#weekday = this.#format({ weekday: "short" });
    this.#day = this.#format({ weekday: "short", day: "numeric", month: "short" });
    this.#fields = new Intl.DateTimeFormat("en-GB", {
      timeZone: this.timezone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
      hour: "numeric", minute: "numeric", second: "numeric",
    });
    this.#whole = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 0 });
    this.#precise = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 6 });
    this.#money = new Intl.NumberFormat(this.locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    this.#hundredth = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 2 });
    this.#fixed = new Intl.NumberFormat(this.locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    this.#tenth = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 1 });
  }

  #clock;
  #minute;
  #date;
  #day;
  #weekday;
  #fields;
  #whole;
  #tenth;
  #precise;
  #money;
  #hundredth;
  #fixed;

  /** "07:02:11" */
  time(at) {
    return this.#clock.format(at * 1000);
  }

  /** "07:02" */
  minute(at) {
    return this.#minute.format(at * 1000);
  }

  /** "Monday 23 November" */
  date(at) {
    return this.#date.format(at * 1000);
  }

  /** "Mon 23 Nov" */
  day(at) {
    return this.#day.format(at * 1000);
  }

  /** "Mon" */
  weekday(at) {
    return this.#weekday.format(at * 1000);
  }

  /** Return the time, with its day unless that is today. */
  moment(at, now) {
    return this.day(at) === this.day(now) ? this.time(at) : `${this.day(at)}, ${this.time(at)}`;
  }

  /** Return the parts of a time, which the clock shows in different sizes. */
  parts(at) {
    return this.#clock.formatToParts(at * 1000);
  }

  /** Return by how many seconds the house's timezone is ahead of UTC at that time. */
  offset(at) {
    const { year, month, day, hour, minute, second } = Object.fromEntries(
      this.#fields.formatToParts(at * 1000).map(({ type, value }) => [type, Number(value)]),
    );
    return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - Math.floor(at);
  }

  /** "1,100" */
  number(value) {
    return this.#whole.format(value);
  }

  /** "21.5" */
  tenth(value) {
    return this.#tenth.format(value);
  }

  /** "0.3", "2.0" */
  fixed(value) {
    return this.#fixed.format(value);
  }

  /** "0.40" */
  money(value) {
    return this.#money.format(value);
  }

  /** "1.25" */
  hundredth(value) {
    return this.#hundredth.format(value);
  }

  /** "0.125" */
  precise(value) {
    return this.#precise.format(value);
  }

  #format(options) {
    return new Intl.DateTimeFormat(this.locale, { timeZone: this.timezone, ...options });
  }
}

/**
 * Return the locale of dates and numbers: the house's, unless the page speaks another language than that.
 * @param {string} locale such as "de-AT"
 * @param {string} language that of the page, such as "de"
 */
export function localeOf(locale, language) {
  const first = (tag) => tag.split("-")[0].toLowerCase();
  return language && first(language) !== first(locale) ? language : locale;
}

function isKnown(attempt) {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}
