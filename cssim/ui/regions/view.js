// Which section of the plane is seen, in all panels alike, and where things of it lie on the plot.
class Sight {
  constructor() {
    this.boxes = null; // places of the panels on the plot, in pixels
    this.view = null; // ends of both axes that a person has chosen; null shows the whole
    this.ends = null; // ends of both axes as they were painted
  }

  at(x, y) {
    if (!this.boxes) return -1;
    return this.boxes.findIndex(
      (box) => x >= box.left && x < box.left + box.width && y >= box.top && y < box.top + box.height,
    );
  }

  place(panel) {
    return new Place(this.boxes[panel], this.ends, 1);
  }

  // In the plane's own numbers, so that it stays where it was when the map is moved.
  kept(panel, corners) {
    const place = this.place(panel);
    return { panel, points: corners.map(([x, y]) => [place.dataX(x), place.dataY(y)]) };
  }

  into(points) {
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    this.view = { x: [Math.min(...xs), Math.max(...xs)], y: [Math.min(...ys), Math.max(...ys)] };
    this.later();
  }

  moved(panel, dx, dy) {
    const place = this.place(panel);
    const [right, up] = [dx / place.across, dy / place.up];
    const { x, y } = this.ends;
    this.view = { x: [x[0] - right, x[1] - right], y: [y[0] + up, y[1] + up] };
    this.ends = this.view;
    this.later();
  }

  // Everything grows by 1 / factor around a place of the plot.
  scaled(atX, atY, factor) {
    const panel = this.at(atX, atY);
    if (panel < 0) return;
    const place = this.place(panel);
    const [x, y] = [place.dataX(atX), place.dataY(atY)];
    const around = ([low, high], middle) => [middle + (low - middle) * factor, middle + (high - middle) * factor];
    this.view = { x: around(this.ends.x, x), y: around(this.ends.y, y) };
    this.ends = this.view;
    this.later();
  }

  scaledAll(factor) {
    const [box] = this.boxes;
    this.scaled(box.left + box.width / 2, box.top + box.height / 2, factor);
  }

  home() {
    this.view = null;
    this.later();
  }

  // [image id, x, y] of each dot of a panel, on the screen.
  placed(panel = 0) {
    const box = this.surface.getBoundingClientRect();
    const place = this.place(panel);
    return Array.from(this.scene.image, (id, i) => [
      id, box.left + place.x(this.scene.x[i]), box.top + place.y(this.scene.y[i]),
    ]);
  }
}
