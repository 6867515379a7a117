"""Topics that viewers follow, the websocket that carries them, feeds that run only while somebody looks."""
