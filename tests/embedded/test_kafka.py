import contextlib
import json
import socket
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.embedded.child import StartError
from shared.embedded.kafka import EmbeddedKafka, is_answering

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@contextlib.asynccontextmanager
async def opened(client):
    await client.start()
    try:
        yield client
    finally:
        await (client.close if isinstance(client, AIOKafkaAdminClient) else client.stop)()


async def written(address, value):
    async with opened(AIOKafkaAdminClient(bootstrap_servers=address)) as admin:
        await admin.create_topics([NewTopic("kept", 1, 1)])
    async with opened(AIOKafkaProducer(bootstrap_servers=address, acks="all")) as producer:
        await producer.send_and_wait("kept", json.dumps(value).encode())


async def read(address):
    consumer = AIOKafkaConsumer("kept", bootstrap_servers=address, auto_offset_reset="earliest")
    async with opened(consumer):
        record = await consumer.getone()
    return json.loads(record.value)


async def test_a_record_outlives_a_broker_that_is_killed(tmp_path):
    broker = EmbeddedKafka(tmp_path)
    broker.start()
    try:
        await written(broker.address, {"kept": True})
        broker.child.kill()
        assert not is_answering(broker.address)

        broker.start()

        assert await read(broker.address) == {"kept": True}
        assert is_answering(broker.url)
    finally:
        broker.stop()
    assert broker.pid is None


def test_a_broker_that_cannot_start_says_why_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = EmbeddedKafka(tmp_path, port=taken.getsockname()[1])
        broker.launch()

        with pytest.raises(StartError, match=r"^Kafka ended with exit code 1: .*kafka\.log\)$"):
            broker.child.wait_until(lambda: False, within=timedelta(seconds=30))
