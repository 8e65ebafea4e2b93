/* What passes between page and server, for tests: whether a run has begun since the last request, and a way to hold
   answers back for as long as a test likes, however fast the machine is. */
(() => {
  const RERUN = 11; // of BackMsg
  const [META, RUN, FRAGMENTS] = [2, 6, 2]; // of ForwardMsg, of its metadata, and of the run that they name
  const [NEW_RUN, FINISHED, PAGE_INFO] = [4, 6, 12]; // of ForwardMsg
  const QUERY = 1; // of PageInfo
  const LOOK = '"look"'; // what the pacer, which asks again by itself, tells

  /* The fields of a protobuf message: number -> all its values, varints or bytes. */
  function fields(bytes) {
    const found = new Map();
    const add = (number, value) => found.set(number, [...(found.get(number) ?? []), value]);
    let at = 0;
    const varint = () => {
      let value = 0;
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at++];
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const tag = varint();
      const [number, kind] = [Math.floor(tag / 8), tag % 8];
      if (kind === 0) add(number, varint());
      else if (kind === 2) {
        const size = varint();
        add(number, bytes.subarray(at, (at += size)));
      } else at += kind === 1 ? 8 : 4;
    }
    return found;
  }

  /* The values at the end of a path of field numbers. */
  const values = (bytes, first, ...rest) =>
    rest.length
      ? (fields(bytes).get(first) ?? []).flatMap((inner) => values(inner, ...rest))
      : (fields(bytes).get(first) ?? []);
  const texts = (bytes, ...path) => values(bytes, ...path).map((value) => new TextDecoder().decode(value));

  /* Whether an answer begins a run of the whole page. */
  const whole = (answer) => values(answer, NEW_RUN).length > 0 && !values(answer, META, RUN, FRAGMENTS).length;

  /* A link in the address bar's own spelling. */
  const spelt = (link) => new URLSearchParams(link).toString();

  /* Take note of an answer that is handed to the page. */
  function note(answer) {
    if (values(answer, PAGE_INFO).length) wire.link = texts(answer, PAGE_INFO, QUERY)[0] ?? "";
    if (values(answer, NEW_RUN).length) Object.assign(wire, { unanswered: false, running: true });
    if (values(answer, FINISHED).length) wire.running = false;
  }

  const wire = (window.__wire = {
    socket: null, // the connection, or the last one that there was
    unanswered: false,
    running: false,
    asked: 0, // requests that somebody's act has led to
    restful: 0, // frames in a row in which the page was at rest, counted by who waits for that
    held: null,
    link: null, // the last one that was handed to the page, which may take it in a while later
    links: [], // of the answers that are held back
    anew: false, // whether the server has run the whole page since answers are held back

    cut() {
      wire.socket.close();
    },

    /* Begins between two runs: a page that has half of an answer would wait for the rest of it, and ask for nothing. */
    async hold() {
      const taken = () => wire.link === null || spelt(location.search) === spelt(wire.link);
      while (wire.running || wire.unanswered || !taken()) await new Promise(requestAnimationFrame);
      Object.assign(wire, { held: [], anew: false });
    },

    release() {
      const held = wire.held;
      Object.assign(wire, { held: null, links: [] });
      for (const [socket, data] of held) socket.dispatchEvent(new MessageEvent("message", { data }));
    },
  });

  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      wire.socket = this;
      this.addEventListener("message", (event) => {
        if (!(event.data instanceof ArrayBuffer)) return;
        const answer = new Uint8Array(event.data);
        if (wire.held) {
          event.stopImmediatePropagation();
          wire.held.push([this, event.data]);
          wire.anew ||= whole(answer);
          if (values(answer, PAGE_INFO).length) wire.links.push(texts(answer, PAGE_INFO, QUERY)[0] ?? "");
        } else note(answer);
      });
    }

    send(data) {
      if (values(data, RERUN).length) {
        wire.unanswered = true;
        if (!new TextDecoder().decode(data).includes(LOOK)) wire.asked += 1;
      }
      super.send(data);
    }
  };
})();
